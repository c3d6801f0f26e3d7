#!/bin/sh
# The options are those of src/service/v8-flags.ts. `serve` would begin anew with them, but not where systemd gives it sockets.
options='--max-inlined-bytecode-size=1000 --max-inlined-bytecode-size-cumulative=3000 --external-memory-accounted-in-global-limit --initial-old-space-size=128 --max-semi-space-size=8'
program="/usr/lib/rcptwise/bin/node $options /usr/lib/rcptwise/dist/cli/main.js"

# What root checks is what the service will meet: it looks with the service's rights, and leaves nothing that is root's.
if [ "$1" = check ] && [ "$(id -u)" = 0 ] && getent passwd rcptwise >/dev/null; then
  exec setpriv --reuid=rcptwise --regid=rcptwise --init-groups $program "$@"
fi
# exec: the service manager's main process is the program itself.
exec $program "$@"
