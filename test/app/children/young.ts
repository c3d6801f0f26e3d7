/**
 * The product with the configuration FILE; tells its parent its port, and, when asked, the heap
 * that is in use once the young generation was collected.
 */
import { startApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { describeProblem } from '../../../src/config/problem.ts'

const loaded = loadConfig(process.argv[2] ?? '')
if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
const app = await startApp(loaded.config, { processMetrics: false })
const collect = gc
if (collect === undefined) throw new Error('run it with --expose-gc')

process.on('message', (asked: 'minor' | 'major') => {
  // The young generation is left at the second collection.
  for (let i = 0; i < 3; i++) collect({ type: asked })
  process.send?.(process.memoryUsage().heapUsed)
})
process.send?.(app.addresses[0]?.port)
