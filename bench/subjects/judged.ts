/**
 * Rcptwise with each judge, and Postfix with the same rspamd as its milter: what a judgement costs.
 * The filters are Debian's, with one rule.
 */
import { freePort } from '../../test/support/lab/ports.ts'
import { startPostfix } from '../../test/support/lab/postfix.ts'
import { type Rspamd, type RspamdOptions, startRspamd } from '../../test/support/lab/rspamd.ts'
import { startSpamd } from '../../test/support/lab/spamd.ts'
import { until } from '../../test/support/lab/until.ts'
import { ownChild } from '../cpu-time.ts'
import type { Filter, Running, Subject } from '../subject.ts'
import { rcptwise } from './rcptwise.ts'

/** A line of rspamd's log for each message that it has scanned. */
const scanLine = /rspamd_task_write_log/g

async function startedRspamd(
  options?: RspamdOptions,
): Promise<Rspamd & { readonly filter: Filter }> {
  const rspamd = await startRspamd(options)
  const pid = ownChild('rspamd')
  const scans = async (): Promise<number> => (await rspamd.log()).match(scanLine)?.length ?? 0
  return { ...rspamd, filter: { scans, ...(pid === undefined ? {} : { pid }) } }
}

/** Ends the filter behind what it was started for. */
async function beside(
  filter: AsyncDisposable & { readonly filter?: Filter },
  start: Promise<Running>,
): Promise<Running> {
  try {
    const running = await start
    return {
      ...running,
      ...(filter.filter === undefined ? {} : { filter: filter.filter }),
      stop: async () => {
        await running.stop()
        await filter[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await filter[Symbol.asyncDispose]()
    throw error
  }
}

/** rspamd once a message; `url`: how Rcptwise reaches it. */
const byRspamd = (
  name: string,
  url: (rspamd: Rspamd) => string,
  program: readonly string[],
  config: string,
): Subject => ({
  name,
  start: async (sinkPort) => {
    const rspamd = await startedRspamd()
    const judges = `{ rspamd: { url: '${url(rspamd)}' } }`
    return await beside(rspamd, rcptwise(name, program, { judges, config }).start(sinkPort))
  },
})

/** No judge at all, rspamd once a message (by TCP or a Unix socket), spamd once a message. */
export const judgedRcptwise = (program: readonly string[], config = ''): readonly Subject[] => [
  rcptwise('judge-less', program, { judges: '', config }),
  byRspamd('rspamd', ({ url }) => url, program, config),
  byRspamd('rspamd-unix', ({ socketPath }) => `http+unix://${socketPath}`, program, config),
  {
    name: 'spamd',
    start: async (sinkPort) => {
      const spamd = await startSpamd()
      const judge = `{ spamd: { url: 'spamd://127.0.0.1:${spamd.port}', time_limit: 1m } }`
      return await beside(
        spamd,
        rcptwise('spamd', program, { judges: judge, config }).start(sinkPort),
      )
    },
  },
]

/**
 * Postfix as it is with a milter: it queues what it has taken, and delivers behind its answer. With
 * smtpd_proxy_filter it would show the milter no text (MILTER_README, "limitations").
 */
export const postfixMilter: Subject = {
  name: 'postfix-milter',
  start: async (sinkPort) => {
    const milter = await freePort()
    const rspamd = await startedRspamd({
      config: `worker "rspamd_proxy" {
        bind_socket = "127.0.0.1:${milter}"; milter = yes; timeout = 10s; count = 1;
        upstream "local" { default = yes; self_scan = yes; }
      }`,
    })
    const start = async (): Promise<Running> => {
      const postfix = await startPostfix({
        relayTo: { host: '127.0.0.1', port: sinkPort },
        main: [
          `smtpd_milters = inet:127.0.0.1:${milter}`,
          'relay_domains = example.org',
          'relay_recipient_maps =',
          'smtpd_recipient_restrictions =',
          'maillog_file_prefixes = /dev, /var',
          'maillog_file = /dev/null',
        ],
      })
      const pid = ownChild('master')
      return {
        port: postfix.port,
        ...(pid === undefined ? {} : { pid }),
        settled: async () => {
          await until('Postfix has delivered', async () => (await postfix.queue()).length === 0)
        },
        stop: async () => await postfix[Symbol.asyncDispose](),
      }
    }
    return await beside(rspamd, start())
  },
}
