#!/bin/sh
# exec: the service manager's main process is the program itself.
exec /usr/lib/rcptwise/bin/node /usr/lib/rcptwise/dist/cli/main.js "$@"
