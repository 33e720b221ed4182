/* host_stages: the steps of the stage table in host.c, one function a stage.
 *
 * Each makes at most one call into the session and says WAIT (call me again
 * when the connection is ready), DONE or FAIL (h->e says why); where that
 * leads is the table's affair. host_reach.c: up to an open channel;
 * host_call.c: one call on it. */
#ifndef RUNNER_FLEET_HOST_STAGES_H
#define RUNNER_FLEET_HOST_STAGES_H

#include "runner/fleet/host.h"

enum turn host_queue(struct host *h);
enum turn host_connect(struct host *h);
enum turn host_handshake(struct host *h);
enum turn host_hostkey(struct host *h);
enum turn host_login(struct host *h);
enum turn host_channel(struct host *h);

enum turn host_ready(struct host *h);
enum turn host_exec(struct host *h);
enum turn host_send(struct host *h);
enum turn host_answer(struct host *h);
enum turn host_close(struct host *h);

/* The call in hand has its answer. */
void host_done(struct host *h);

#endif
