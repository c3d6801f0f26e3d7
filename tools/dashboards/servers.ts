/** What Rcptwise depends on: the servers behind, the judges, the sources of policies. */
import { type Board } from './board.ts'
import { graph } from './panels.ts'
import { aMinute, own, sumOf, within } from './selectors.ts'

const delivery = `rcptwise_backend_delivery_seconds_bucket{${own}}`
const judgement = `rcptwise_judge_seconds_bucket{${own}}`
const lookUp = `rcptwise_policy_seconds_bucket{${own}}`

export const servers: Board = {
  uid: 'rcptwise-servers',
  title: 'Servers, judges, sources',
  says: 'What Rcptwise depends on: the mail servers behind it, the judges of messages, and the sources of recipients’ policies.',
  first: [
    graph({
      title: 'Mail servers',
      says: '1 while Rcptwise can use at least one address of a server, seen from each front-end; 0 while it can use none.',
      unit: 'short',
      queries: [
        [`min by (server, instance) (rcptwise_backend_up{${own}})`, '{{server}} from {{instance}}'],
      ],
    }),
    graph({
      title: 'Delivery to the servers',
      says: 'From the start of a delivery to the server’s reply to the text. The client waits for this.',
      unit: 's',
      queries: [
        [within(0.5, { by: 'server', buckets: delivery }), '{{server}}, half'],
        [within(0.95, { by: 'server', buckets: delivery }), '{{server}}, 95 of 100'],
      ],
    }),
    graph({
      title: 'Errors of the servers',
      says: 'Failures of a server itself, by the step at which it failed: connect and greeting mean that it is down or refuses this front-end. “refuses us” are refusals that say something about this front-end or the server’s setup (docs/refusals.md). Clients get 4xx and come back until it is well.',
      unit: 'short',
      bars: true,
      queries: [
        [sumOf('server, step', `rcptwise_backend_errors_total{${own}}`), '{{server}} {{step}}'],
        [
          sumOf('server, step', `rcptwise_backend_setup_refusals_total{${own}}`),
          '{{server}} refuses us at {{step}}',
        ],
      ],
    }),
    graph({
      title: 'Judgements a minute',
      says: 'scored, forced (a result without a score), silent (nothing to say of the message), failed (on_failure of the judge decides what follows).',
      unit: 'cpm',
      queries: [
        [aMinute('judge, result', `rcptwise_judge_results_total{${own}}`), '{{judge}} {{result}}'],
      ],
    }),
    graph({
      title: 'Time of a judgement',
      says: 'The client waits for this after the text.',
      unit: 's',
      queries: [
        [within(0.5, { by: 'judge', buckets: judgement }), '{{judge}}, half'],
        [within(0.95, { by: 'judge', buckets: judgement }), '{{judge}}, 95 of 100'],
      ],
    }),
    graph({
      title: 'Servers of judges that are left alone',
      says: 'Servers of a judge that failed several times in a row, so that Rcptwise does not ask them for a while. With none left, on_failure of the judge decides.',
      unit: 'short',
      queries: [
        [
          `max by (judge, instance) (rcptwise_judge_servers_down{${own}})`,
          '{{judge}} from {{instance}}',
        ],
      ],
    }),
    graph({
      title: 'Look-ups that failed',
      says: 'Recipients whose policy Rcptwise could not look up, by source; and answers of a source that are no policy. With on_failure: defer these recipients’ mail is late.',
      unit: 'short',
      bars: true,
      queries: [
        [sumOf('source', `rcptwise_policy_failures_total{${own}}`), '{{source}} failed'],
        [
          sumOf('source', `rcptwise_policy_wrong_total{${own}}`),
          '{{source}} says what is no policy',
        ],
      ],
    }),
    graph({
      title: 'Time of a look-up',
      says: 'One question to a source of policies: the recipients that a client offers together are one question.',
      unit: 's',
      queries: [
        [within(0.5, { by: 'source', buckets: lookUp }), '{{source}}, half'],
        [within(0.95, { by: 'source', buckets: lookUp }), '{{source}}, 95 of 100'],
      ],
    }),
    graph({
      title: 'Recipients looked up a minute',
      says: 'asked of the source, kept from before, or stale: kept too long, and used while the source fails.',
      unit: 'cpm',
      queries: [
        [
          aMinute('source, answer', `rcptwise_policy_recipients_total{${own}}`),
          '{{source}} {{answer}}',
        ],
      ],
    }),
  ],
  rows: [
    {
      title: 'Connections to the servers',
      panels: [
        graph({
          title: 'Connections',
          says: 'Pooled connections, busy and idle.',
          unit: 'short',
          queries: [
            [
              `sum by (server, state) (rcptwise_backend_connections_open{${own}})`,
              '{{server}} {{state}}',
            ],
          ],
        }),
        graph({
          title: 'New connections a minute',
          says: 'Connections that Rcptwise made to a server. As many as deliveries means that none is used again.',
          unit: 'cpm',
          queries: [
            [aMinute('server', `rcptwise_backend_connections_total{${own}}`), '{{server}}'],
          ],
        }),
        graph({
          title: 'Time to connect',
          says: 'Rcptwise makes 95 of 100 connections to a server within this time.',
          unit: 's',
          queries: [
            [
              within(0.95, {
                by: 'server',
                buckets: `rcptwise_backend_connect_seconds_bucket{${own}}`,
                window: '1h',
              }),
              '{{server}}',
            ],
          ],
        }),
        graph({
          title: 'Replies to the text a minute',
          says: 'By class. With 4xx the server asks to come back, and Rcptwise passes this on; 5xx is a refusal.',
          unit: 'cpm',
          queries: [
            [
              aMinute('server, reply', `rcptwise_backend_delivery_seconds_count{${own}}`),
              '{{server}} {{reply}}',
            ],
          ],
        }),
        graph({
          title: 'Addresses taken out of use',
          says: 'ejected: Rcptwise took an address of a server out of use because it did not answer as it should. full: the server turned a connection away because it has no room for more.',
          unit: 'short',
          bars: true,
          queries: [
            [sumOf('server', `rcptwise_backend_ejections_total{${own}}`), '{{server}} ejected'],
            [sumOf('server', `rcptwise_backend_full_total{${own}}`), '{{server}} full'],
          ],
        }),
      ],
    },
    {
      title: 'Judges and sources in detail',
      panels: [
        graph({
          title: 'What judges were not told',
          says: 'Messages of which a judge could not be told something, or for which it wanted a change that can not be made (log: judgeLeftOut); and messages from which Rcptwise removed fields that only this site may write.',
          unit: 'short',
          bars: true,
          queries: [
            [sumOf('judge', `rcptwise_judge_left_out_total{${own}}`), '{{judge}}: left out'],
            [
              sumOf('', `rcptwise_foreign_fields_messages_total{${own}}`),
              'with fields of strangers',
            ],
          ],
        }),
        graph({
          title: 'Entries of recipient files',
          says: 'Entries of all recipient files in use. A sudden fall is a file that was cut short.',
          unit: 'short',
          queries: [[`max by (instance) (rcptwise_policy_entries{${own}})`, '{{instance}}']],
        }),
        graph({
          title: 'Recipient files read',
          says: 'kept means that a new file was wrong and the old one stays in use: the log (policiesKept) says what is wrong.',
          unit: 'short',
          bars: true,
          queries: [
            [
              sumOf('instance, result', `rcptwise_policy_reloads_total{${own}}`),
              '{{instance}} {{result}}',
            ],
          ],
        }),
      ],
    },
  ],
}
