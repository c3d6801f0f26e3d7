/** What splitting costs, for whom, by which strategy, and what another one would cost. */
import { type Board } from './board.ts'
import { graph, heatmap } from './panels.ts'
import { increase, ofClass, ofStrategy, own, sumOf, within } from './selectors.ts'

const retries = `rcptwise_forced_retries_total{${ofStrategy}}`
const delay = `rcptwise_retry_delay_seconds_bucket{${ofStrategy}}`
const duration = `rcptwise_split_duration_seconds_bucket{${ofStrategy}}`
const byPair = '{{peer}} {{strategy}}'
/** Retries are rare: a quantile of a step would be one of nothing. */
const anHour = { by: 'peer, strategy', window: '1h' }

export const forcedRetries: Board = {
  uid: 'rcptwise-forced-retries',
  title: 'Forced retries',
  says: 'Recipients who wait because Rcptwise splits: how many, how long, in which peer class, and what another strategy would cost.',
  first: [
    heatmap({
      title: 'Retry delay',
      says: 'How long recipients waited until their sender offered them again: the darker, the more of them. A new dark line is a sender with another retry schedule; one that moves up is a sender that got slower.',
      unit: 's',
      width: 16,
      query: `sum by (le) (${increase(delay)})`,
    }),
    graph({
      title: 'Forced retries of 100 messages',
      says: 'What splitting costs, for each hundred messages of the last hour: you can compare quiet and busy hours. 0 means that nobody has to wait.',
      unit: 'short',
      height: 9,
      queries: [
        [
          `100 * sum by (peer) (rate(${retries}[1h]))` +
            ` / sum by (peer) (rate(rcptwise_messages_total{${ofClass}}[1h]))`,
          '{{peer}}',
        ],
      ],
    }),
    graph({
      title: 'Forced retries, by class and strategy',
      says: 'Recipients whom Rcptwise deferred only to split their message. Click on a bar for its messages in the log.',
      unit: 'short',
      width: 12,
      bars: true,
      queries: [[sumOf('peer, strategy', retries), byPair]],
    }),
    graph({
      title: 'Strategy in force',
      says: 'By which strategy Rcptwise serves each peer class. A line that ends where another begins is a change at run time; the log (event strategyChanged) says who made it.',
      unit: 'short',
      width: 12,
      queries: [[`max by (peer, strategy) (rcptwise_strategy_in_force{${ofStrategy}})`, byPair]],
    }),
    graph({
      title: 'Retry delay: half are back within',
      says: 'The time from a deferral until the sender offers that recipient again, median of the last hour, by class and strategy.',
      unit: 's',
      queries: [[within(0.5, { ...anHour, buckets: delay }), byPair]],
    }),
    graph({
      title: 'Retry delay: 95 of 100 are back within',
      says: 'The same for the slowest: one in twenty recipients waits longer than this for their mail.',
      unit: 's',
      queries: [[within(0.95, { ...anHour, buckets: delay }), byPair]],
    }),
    graph({
      title: 'What late saved against group',
      says: 'Forced retries that group would have cost the class, less those that late has cost it. Rcptwise counts it for classes with shadow: group; without that there is nothing here.',
      unit: 'short',
      bars: true,
      queries: [
        [
          `sum by (peer) (${increase(`rcptwise_shadow_forced_retries_total{${ofClass},strategy="group"}`)})` +
            ` - sum by (peer) (${increase(`rcptwise_forced_retries_total{${ofClass},strategy="late"}`)})`,
          '{{peer}}',
        ],
      ],
    }),
  ],
  rows: [
    {
      title: 'Splits',
      panels: [
        graph({
          title: 'Open splits',
          says: 'Messages that Rcptwise is answering in parts now; rcptwise splits lists them. A number that only grows means that some sender does not come back. Front-ends that share a ledger report the same number.',
          unit: 'short',
          queries: [[`max by (peer, strategy) (rcptwise_splits_open{${ofStrategy}})`, byPair]],
        }),
        graph({
          title: 'Splits begun and ended',
          says: 'Completed: everybody has an answer. Forgiven: Rcptwise let the message through unsplit, because it made no progress or came too often. Abandoned: the sender did not come back.',
          unit: 'short',
          bars: true,
          queries: [
            [sumOf('', `rcptwise_splits_opened_total{${ofStrategy}}`), 'begun'],
            [sumOf('outcome', `rcptwise_splits_total{${ofStrategy}}`), '{{outcome}}'],
          ],
        }),
        graph({
          title: 'Split duration',
          says: 'From the first deferral of a message to the answer for its last recipient, over the last hour. With several groups it is several retry delays.',
          unit: 's',
          queries: [
            [within(0.5, { ...anHour, buckets: duration }), `${byPair}, half`],
            [within(0.95, { ...anHour, buckets: duration }), `${byPair}, 95 of 100`],
          ],
        }),
        graph({
          title: 'Abandoned recipients',
          says: 'Recipients whom Rcptwise deferred and whom their sender never offered again within ledger.patience. Give the class in question a strategy without deferrals (lenient or off).',
          unit: 'short',
          bars: true,
          queries: [
            [sumOf('peer, strategy', `rcptwise_abandoned_recipients_total{${ofStrategy}}`), byPair],
          ],
        }),
        graph({
          title: 'Where retries come',
          says: 'Attempts that went on with a split: in the connection of the deferral, at the same of our addresses, or at another one. Postfix, sendmail and Exim come to the next MX name at once when there is one.',
          unit: 'short',
          bars: true,
          queries: [[sumOf('where', `rcptwise_returns_total{${ofStrategy}}`), '{{where}}']],
        }),
        graph({
          title: 'Returns that were guessed',
          says: 'Transactions in which a refused recipient was made to wait at RCPT because everything told spoke for a return. Who is made to wait by a wrong guess has the message at once.',
          unit: 'short',
          bars: true,
          queries: [[sumOf('result', `rcptwise_return_guesses_total{${ofClass}}`), '{{result}}']],
        }),
      ],
    },
    {
      title: 'Other strategies: shadow, learned, reports',
      panels: [
        graph({
          title: 'Shadow: what another strategy would cost',
          says: 'Forced retries that the shadow strategy of a class would have cost, next to those that there were. Compare the two before you give a class another strategy.',
          unit: 'short',
          queries: [
            [
              sumOf('peer, strategy', `rcptwise_shadow_forced_retries_total{${ofStrategy}}`),
              '{{peer}}: {{strategy}} would',
            ],
            [sumOf('peer, strategy', retries), '{{peer}}: {{strategy}} does'],
          ],
        }),
        graph({
          title: 'Senders that auto has learned of',
          says: 'How auto serves the senders of which Rcptwise has learned something. A growing number with lenient are senders that did not come back after a deferral: rcptwise peers learned --strategy lenient says which.',
          unit: 'short',
          queries: [[`max by (strategy) (rcptwise_learned_senders{${own}})`, '{{strategy}}']],
        }),
        graph({
          title: 'Reports of refusals',
          says: 'Messages under strategy bounce that some refuse and others take: Rcptwise reported the refusals to the sender, or served the message as lenient, and why. Failed ones come again.',
          unit: 'short',
          bars: true,
          queries: [
            [sumOf('peer, result', `rcptwise_bounces_total{${ofClass}}`), '{{peer}}: {{result}}'],
          ],
        }),
      ],
    },
    {
      title: 'Observe and drain: before and after',
      panels: [
        graph({
          title: 'Observed messages',
          says: 'Messages that Rcptwise has passed on with mode: observe: how many would have divided their recipients, and how many nobody has judged. observing is 1 while that mode is in force.',
          unit: 'short',
          queries: [
            [sumOf('result', `rcptwise_observed_messages_total{${ofClass}}`), '{{result}}'],
            [`max(rcptwise_observing{${own}})`, 'observing'],
          ],
        }),
        graph({
          title: 'Observed: what recipients would have been told',
          says: 'Recipients of messages that Rcptwise has passed on with mode: observe, by the verdict that their policy would have given them.',
          unit: 'short',
          queries: [
            [sumOf('verdict', `rcptwise_observed_recipients_total{${ofClass}}`), '{{verdict}}'],
          ],
        }),
        graph({
          title: 'Observed: what each strategy would have cost',
          says: 'Forced retries that each strategy would have caused with the messages that Rcptwise has passed on with mode: observe. Look at it for a week before you choose a strategy.',
          unit: 'short',
          queries: [
            [
              sumOf('strategy', `rcptwise_observed_forced_retries_total{${ofStrategy}}`),
              '{{strategy}}',
            ],
          ],
        }),
        graph({
          title: 'Drain: whom it waits for',
          says: 'While Rcptwise drains: open splits, and those in which somebody has the message already. When the second is 0, your mail server may have its port back and nobody gets a message twice.',
          unit: 'short',
          queries: [
            [`max by (instance) (rcptwise_draining{${own}})`, '{{instance}} draining'],
            [`max(rcptwise_draining_splits{${own}})`, 'somebody has it'],
            [
              `sum(max by (job, peer, strategy) (rcptwise_splits_open{${ofStrategy}}))`,
              'open splits',
            ],
          ],
        }),
      ],
    },
  ],
}
