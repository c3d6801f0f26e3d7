/** A wait that was in vain says why, without being asked again. */
import { expect, test } from 'vitest'
import { until } from '../../support/lab/until.ts'
import { callWitness } from '../../support/lab/witnesses.ts'

test('a wait that was in vain tells what who waited knows, and what each witness has seen that is still there', async () => {
  callWitness('Gone', () => 'nothing')[Symbol.dispose]()
  const rcptwise = callWitness('Rcptwise at port 25', () => 'it has deferred cho')
  const wait = until('the queue is empty', () => false, {
    limitMs: 0,
    explain: () => 'cho is in the queue',
  })
  await expect(wait).rejects.toThrow(
    /^Waited 0 ms in vain: the queue is empty\ncho is in the queue\n== Rcptwise at port 25\nit has deferred cho$/,
  )
  rcptwise[Symbol.dispose]()
})
