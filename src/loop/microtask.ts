/**
 * Behind all that is under way now, and before anything else comes in. As `queueMicrotask`, which
 * makes an object with a trace for each call; what is thrown ends the process here, too.
 */
const now = Promise.resolve()

export const inMicrotask = (act: () => void): void => void now.then(act)
