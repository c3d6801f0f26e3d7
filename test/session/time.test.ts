import { expect, test } from 'vitest'
import { step } from '../../src/session/step.ts'
import type { Session } from '../../src/session/session.ts'
import { Machine } from '../support/machine.ts'

test("a session's time is that of its last event, also where the event changes nothing", () => {
  const { session } = new Machine({ now: () => 5 })
  expect(session.at).toBe(5)
  step(session, { kind: 'connected', at: 7, earlyTalker: false })
  expect(session.at).toBe(7)
  step(session, { kind: 'batchEnded', at: 9 })
  expect(session.at).toBe(9)
  // A clock may go back.
  step(session, { kind: 'line', at: 8, text: 'NOOP' })
  expect(session.at).toBe(8)
  // @ts-expect-error: nobody but `step` sets it
  const set = (of: Session): number => (of.at = 1)
  expect(set).toBeTypeOf('function')
})
