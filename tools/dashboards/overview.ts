/** The first screen: does it run, is anybody's mail late or missing because of us. */
import { type Board } from './board.ts'
import { graph, stat } from './panels.ts'
import { aMinute, ofClass, ofStrategy, own, sumOf, within } from './selectors.ts'

const green = [null, 'green'] as const
const blue = [[null, 'blue']] as const
const retries = `rcptwise_forced_retries_total{${ofStrategy}}`
const delay = `rcptwise_retry_delay_seconds_bucket{${ofStrategy}}`

export const overview: Board = {
  uid: 'rcptwise-overview',
  title: 'Overview',
  says: 'Does Rcptwise run, and is anybody’s mail late or missing because of it? The other dashboards say why.',
  first: [
    stat({
      title: 'Front-ends down',
      says: 'Front-ends that do not answer Prometheus. Their senders go to another MX name, or keep the mail and come back.',
      unit: 'short',
      query:
        'count(up{job=~"$job",instance=~"$instance"}) - sum(up{job=~"$job",instance=~"$instance"})',
      colours: [green, [1, 'red']],
    }),
    stat({
      title: 'Mail servers down',
      says: 'Servers behind Rcptwise that no front-end can use now. While one is left it takes the mail; with none, clients get 4xx and come back.',
      unit: 'short',
      query: `count(max by (job, server) (rcptwise_backend_up{${own}}) == 0) or vector(0)`,
      colours: [green, [1, 'red']],
    }),
    stat({
      title: 'Missing recipients',
      says: 'Deferred recipients whom nobody has offered again within ledger.missing_after, while others of the message have it. Each may be mail lost to its recipient: rcptwise splits --missing names them.',
      unit: 'short',
      query: `sum(max by (job, peer, strategy) (rcptwise_recipients_missing{${ofStrategy}}))`,
      colours: [green, [1, 'red']],
      none: '0',
    }),
    stat({
      title: 'Put off or refused, of 100 messages',
      says: 'Transactions that were answered 4yz or 5yz, of each hundred in the chosen time. Much more than usual means a server or a judge in trouble, or a wave of spam.',
      unit: 'percent',
      decimals: 1,
      query:
        `100 * sum(increase(rcptwise_transactions_total{${ofClass},outcome=~"deferred|refused"}[$__range]))` +
        ` / sum(increase(rcptwise_transactions_total{${ofClass}}[$__range]))`,
      colours: blue,
      none: 'no mail',
    }),
    stat({
      title: 'Forced retries of 100 messages',
      says: 'What splitting costs: recipients whom Rcptwise deferred only so that they can have their own answer, for each hundred messages of the chosen time. If it is too much, set another strategy for the peer class: rcptwise strategy set PEER lenient --for 2h.',
      unit: 'short',
      decimals: 1,
      query:
        `100 * sum(increase(${retries}[$__range]))` +
        ` / sum(increase(rcptwise_messages_total{${ofClass}}[$__range]))`,
      colours: [green, [20, 'orange'], [50, 'red']],
      none: 'no mail',
    }),
    stat({
      title: 'Retry delay, median',
      says: 'How long a deferred recipient waited until the sender offered them again, in the chosen time: half waited for less.',
      unit: 's',
      query: within(0.5, { by: '', buckets: delay, window: '$__range' }),
      colours: blue,
      none: 'nobody waited',
    }),
    graph({
      title: 'Messages by outcome, a minute',
      says: 'How Rcptwise answered what clients offered. mixed: different answers in one transaction. deferred (4yz): by the server, by a judge, or to split. refused is 5yz. aborted: the client went away before the end of the text.',
      unit: 'cpm',
      stacked: true,
      queries: [[aMinute('outcome', `rcptwise_transactions_total{${ofClass}}`), '{{outcome}}']],
    }),
    graph({
      title: 'What the servers replied: 4yz and 5yz',
      says: 'Replies of your mail servers to the text that were no 250, counted. Rcptwise passes them on, or keeps a refusal until it can be told alone.',
      unit: 'short',
      bars: true,
      queries: [
        [
          sumOf('server, reply', `rcptwise_backend_delivery_seconds_count{${own},reply!="2xx"}`),
          '{{server}} {{reply}}',
        ],
      ],
    }),
    graph({
      title: 'Forced retries',
      says: 'Recipients whom Rcptwise deferred only to split their message, by peer class and strategy. A change of strategy shows here first.',
      unit: 'short',
      bars: true,
      queries: [[sumOf('peer, strategy', retries), '{{peer}} {{strategy}}']],
    }),
    graph({
      title: 'Retry delay',
      says: 'The time from a deferral until the sender offers that recipient again, over the last hour. The sender decides it: Postfix comes after 5 to 10 minutes, Exim after 15 to 30, whatever the retry hint says.',
      unit: 's',
      width: 12,
      queries: [
        [within(0.5, { by: '', buckets: delay, window: '1h' }), 'half are back within'],
        [within(0.95, { by: '', buckets: delay, window: '1h' }), '95 of 100 are back within'],
      ],
    }),
    graph({
      title: 'Missing recipients',
      says: 'Deferred recipients whom nobody has offered again within ledger.missing_after, while others of the message have their answer: how many there are now, and how many came anew. rcptwise splits --missing names them.',
      unit: 'short',
      width: 12,
      queries: [
        [
          `max by (peer, strategy) (rcptwise_recipients_missing{${ofStrategy}})`,
          '{{peer}} {{strategy}}, now',
        ],
        [
          sumOf('peer, strategy', `rcptwise_missing_recipients_total{${ofStrategy}}`),
          '{{peer}} {{strategy}}, new',
        ],
      ],
    }),
  ],
  rows: [
    {
      title: 'Messages',
      panels: [
        graph({
          title: 'Messages a minute',
          says: 'Each message once, however often its sender came for it. prdr: the client takes an answer for each recipient (Exim). plain: one answer for all. split: somebody was deferred so that they can have their own answer.',
          unit: 'cpm',
          stacked: true,
          queries: [[aMinute('mode', `rcptwise_messages_total{${ofClass}}`), '{{mode}}']],
        }),
        graph({
          title: 'Transactions a minute, by mode',
          says: 'What clients offered, with what came back: a message in three parts is three transactions. split: Rcptwise deferred somebody, or somebody came back.',
          unit: 'cpm',
          stacked: true,
          queries: [[aMinute('mode', `rcptwise_transactions_total{${ofClass}}`), '{{mode}}']],
        }),
        graph({
          title: 'Transactions of one message',
          says: 'How often clients come for one message: 1 where nobody has to come again.',
          unit: 'short',
          queries: [
            [
              `sum by (peer) (rate(rcptwise_transactions_total{${ofClass}}[$__rate_interval]))` +
                ` / sum by (peer) (rate(rcptwise_messages_total{${ofClass}}[$__rate_interval]))`,
              '{{peer}}',
            ],
          ],
        }),
        graph({
          title: 'Verdicts a minute',
          says: 'Recipients with a final answer, by what their policy says of the message. More reject than usual means a wave of spam, or a judge that goes wrong.',
          unit: 'cpm',
          stacked: true,
          queries: [[aMinute('verdict', `rcptwise_recipients_total{${ofClass}}`), '{{verdict}}']],
        }),
        graph({
          title: 'Text received',
          says: 'Bytes of message text that clients sent, a second.',
          unit: 'Bps',
          queries: [
            [
              `sum by (instance) (rate(rcptwise_messages_bytes_total{${own}}[$__rate_interval]))`,
              '{{instance}}',
            ],
          ],
        }),
        graph({
          title: 'Duplicates suppressed',
          says: 'Recipients who had the message already, and whom Rcptwise acknowledged on the retry without a second delivery.',
          unit: 'short',
          bars: true,
          queries: [
            [sumOf('peer', `rcptwise_duplicates_suppressed_total{${ofClass}}`), '{{peer}}'],
          ],
        }),
      ],
    },
    {
      title: 'Clients',
      panels: [
        graph({
          title: 'Sessions open',
          says: 'Client connections now, with and without TLS. The limit is limits.sessions.',
          unit: 'short',
          queries: [
            [`sum by (peer, tls) (rcptwise_sessions_open{${ofClass}})`, '{{peer}}, TLS {{tls}}'],
          ],
        }),
        graph({
          title: 'Sessions a minute, by peer class',
          says: 'Client sessions that have ended, with and without TLS. A class without any has no clients: look at its match.',
          unit: 'cpm',
          queries: [
            [aMinute('peer, tls', `rcptwise_sessions_total{${ofClass}}`), '{{peer}}, TLS {{tls}}'],
          ],
        }),
        graph({
          title: 'Sessions ended a minute, by reason',
          says: 'quit is the normal end. Much lost, idle or errors is a client in trouble or a scanner.',
          unit: 'cpm',
          stacked: true,
          queries: [[aMinute('why', `rcptwise_session_ends_total{${own}}`), '{{why}}']],
        }),
        graph({
          title: 'Connections refused',
          says: 'Connections that Rcptwise turned away before a session began, by the limit that the client reached (docs/limits.md).',
          unit: 'short',
          bars: true,
          queries: [[sumOf('limit', `rcptwise_connections_refused_total{${own}}`), '{{limit}}']],
        }),
        graph({
          title: 'Limits reached',
          says: 'Connections, messages, recipients and texts that Rcptwise put off or refused because of a limit, by its name (docs/limits.md).',
          unit: 'short',
          bars: true,
          queries: [
            [
              `${sumOf('limit', `rcptwise_limit_hits_total{${own}}`)} > 0 or vector(0)`,
              '{{limit}}',
            ],
          ],
        }),
        graph({
          title: 'TLS handshakes a minute',
          says: 'TLS handshakes with clients by version, and those that failed by reason. Scanners fail all day; a jump of certificate or cipher is a sender that can no longer reach you in TLS.',
          unit: 'cpm',
          stacked: true,
          queries: [
            [aMinute('protocol', `rcptwise_tls_handshakes_total{${own}}`), '{{protocol}}'],
            [aMinute('reason', `rcptwise_tls_failures_total{${own}}`), 'failed: {{reason}}'],
          ],
        }),
      ],
    },
  ],
}
