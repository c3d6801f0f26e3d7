/** The text of /metrics of one process, for whoever reads it once. */
import { exposition } from './exposition.ts'
import type { Metrics } from './registry.ts'
import { Sums } from './summed.ts'
import type { Format } from './text-lines.ts'

export async function textOf(
  { registry, ofNode }: Pick<Metrics, 'registry' | 'ofNode'>,
  format: Format = 'prometheus',
): Promise<string> {
  await registry.collect()
  const sums = new Sums()
  sums.hear(registry, registry.everything())
  return exposition(sums, [await ofNode()], format).toString()
}
