#!/bin/sh
program='/usr/lib/rcptwise/bin/node /usr/lib/rcptwise/dist/cli/main.js'

# What root checks is what the service will meet: it looks with the service's rights, and leaves nothing that is root's.
if [ "$1" = check ] && [ "$(id -u)" = 0 ] && getent passwd rcptwise >/dev/null; then
  exec setpriv --reuid=rcptwise --regid=rcptwise --init-groups $program "$@"
fi
# exec: the service manager's main process is the program itself.
exec $program "$@"
