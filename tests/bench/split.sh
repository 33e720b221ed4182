#!/bin/sh
# How fast statements are cut, and that time grows with the text only.
exec "$(dirname "$0")/../../build/release/bench/split"
