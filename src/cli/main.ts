#!/usr/bin/env node
/**
 * Where the program begins. `serve` and `replay`, through which much passes, need V8 to be started
 * with options of its own, and so begin anew before anything else is loaded.
 */
import { beginWithOptions } from '../service/v8-flags.ts'

if (process.argv.some((word) => word === 'serve' || word === 'replay')) beginWithOptions()
await import('./commands.ts')
