# shellcheck shell=sh
# hook: one command of [rollout].
# shellcheck disable=SC2154 # variables of lib.sh and hooks.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take step
take release
take previous
take seconds
take command
take hook_path
# a helper ("on lb1: ...") has no deploy root, and nothing to lock
tg_at=/
if [ -n "$path" ]; then
    hold
    tg_at=$path
fi
hook_run "$step" "$seconds" "$command" "$tg_at"
hook_judge "$step" "$seconds"
end 'done'
