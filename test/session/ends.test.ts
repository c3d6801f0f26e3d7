/**
 * Each way in which a session can end, by a dialogue that ends it so: the log and the metric have a
 * word of its own for each.
 */
import { describe, expect, test } from 'vitest'
import type { SessionEnd } from '../../src/facts/sessions.ts'
import { initialise, sessionEnds } from '../../src/metrics/initialise.ts'
import { createMetrics } from '../../src/metrics/registry.ts'
import { textOf } from '../../src/metrics/text-of.ts'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { Machine, type MachineOptions } from '../support/machine.ts'

const limits = { recipients: 10, transactionsPerSession: 1, errorsPerSession: 2 }
const withAuth: MachineOptions = {
  session: { auth: 'pass_in_clear' },
  oracle: { backendExtensions: () => new Map([['AUTH', 'PLAIN LOGIN']]) },
}
const envelope = ['MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>']

interface Ending {
  readonly options?: MachineOptions
  readonly greeted?: false
  readonly run: (machine: Machine) => unknown
}

const failAuth = (machine: Machine): void => {
  machine.send('AUTH PLAIN AHgAeQ==')
  machine.tell({ kind: 'authReplied', reply: { code: 535, lines: ['5.7.8 No'] } })
}

const endings: Readonly<Record<SessionEnd, Ending>> = {
  quit: { run: (machine) => machine.send('QUIT') },
  lost: { run: (machine) => machine.tell({ kind: 'clientLost' }) },
  idle: { run: (machine) => machine.tell({ kind: 'timedOut' }) },
  'text timeout': {
    run: (machine) => {
      machine.send(...envelope, 'DATA')
      machine.tell({ kind: 'timedOut' })
    },
  },
  'early talker': { greeted: false, run: (machine) => machine.connect(true) },
  pipelining: { run: (machine) => machine.send('EHLO one.test', 'MAIL FROM:<s@x.test>') },
  'stray byte': { run: (machine) => machine.tell({ kind: 'strayByte' }) },
  foreign: { run: (machine) => machine.send('GET / HTTP/1.1') },
  errors: { options: { session: { limits } }, run: (machine) => machine.send('FOO', 'FOO', 'FOO') },
  transactions: {
    options: { session: { limits } },
    run: (machine) => machine.send(...envelope, 'RSET', 'MAIL FROM:<s@x.test>'),
  },
  'bad BDAT': { run: (machine) => machine.send(...envelope, 'BDAT many') },
  auth: {
    options: withAuth,
    run: (machine) => [1, 2, 3].forEach(() => failAuth(machine)),
  },
  'auth line': {
    options: withAuth,
    run: (machine) => {
      machine.send('AUTH LOGIN')
      machine.tell({ kind: 'authReplied', reply: { code: 334, lines: ['VXNlcm5hbWU6'] } })
      machine.tell({ kind: 'lineTooLong' })
    },
  },
  tls: {
    run: (machine) => {
      machine.send('STARTTLS')
      machine.tell({ kind: 'securingFailed' })
    },
  },
  shutdown: { run: (machine) => machine.tell({ kind: 'shutdown' }) },
}

describe('a session that ends', () => {
  test.each(Object.entries(endings))('%s', async (why, { options, greeted, run }) => {
    const machine = new Machine(options)
    if (greeted !== false) {
      machine.connect()
      machine.send('EHLO client.test')
    }
    run(machine)
    expect(machine.closed).toBe(true)
    expect(machine.facts.at(-1)).toMatchObject({ kind: 'sessionClosed', why })
    const metrics = createMetrics(
      { countOpen: async () => await Promise.resolve([]) },
      { processMetrics: false },
    )
    initialise(metrics, [])
    machine.facts.forEach(metricsFromFacts(metrics))
    const text = await textOf(metrics)
    for (const end of sessionEnds)
      expect(text).toContain(
        `rcptwise_session_ends_total{why="${end}"} ${end === why ? '1' : '0'}\n`,
      )
    expect(text.match(/^rcptwise_session_ends_total\{/gm)).toHaveLength(sessionEnds.length)
  })
})
