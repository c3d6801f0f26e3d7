#!/usr/bin/env node
/**
 * Where the program begins. `serve` needs V8 to be started with options of its own, and so begins
 * anew before anything else is loaded.
 */
import { beginWithOptions } from '../service/v8-flags.ts'

if (process.argv.includes('serve')) beginWithOptions()
await import('./commands.ts')
