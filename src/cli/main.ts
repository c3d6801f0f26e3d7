#!/usr/bin/env node
/**
 * Where the program begins. `serve` and `replay`, through which much passes, need V8 to be started
 * with options of its own, and so begin anew before anything else is loaded.
 */
import { beginWithOptions, setOptionsAside } from '../service/v8-flags.ts'

/** As `engines` in package.json says; npm only warns of another one. */
const oldest = 24

if (Number(process.versions.node.split('.')[0]) < oldest) {
  process.stderr.write(
    `rcptwise needs Node.js ${oldest} or later, and this is ${process.version}\n`,
  )
  process.exit(1)
}
if (process.argv.some((word) => word === 'serve' || word === 'replay')) beginWithOptions()
if (process.argv.includes('serve')) setOptionsAside() // serve.ts sets them back
await import('./commands.ts')
