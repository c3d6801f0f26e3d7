/**
 * How V8 compiles the program, for processes that take mail; imported before anything else. A
 * message passes through many small functions, and V8 stops putting them into each other before it
 * is through with them. With these limits a message takes about a tenth less processor time
 * (docs/decisions/0017-company-for-writes-and-counts.md). They change nothing else, and a version
 * of V8 that does not know them goes on without.
 */
import { setFlagsFromString } from 'node:v8'

/**
 * Octets of bytecode: of one function that may be inlined (460 unless set), and of all in one
 * (920).
 */
setFlagsFromString('--max-inlined-bytecode-size=1000')
setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
