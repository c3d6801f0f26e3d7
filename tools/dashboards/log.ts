/** The messages behind a bar, as the log in Loki tells of them. */
import { type Board } from './board.ts'
import { logLines, logTable } from './panels.ts'

const ofMessages = '{$log} | json | event = `transactionEnded` | peer =~ `$peer`'

export const logBoard: Board = {
  uid: 'rcptwise-log',
  title: 'Log',
  says: 'The messages behind a bar of another dashboard, as the log in Loki tells of them. A click on a bar comes here, with the five minutes around it.',
  first: [
    logTable({
      title: 'Senders with the most messages in parts',
      says: 'The twenty senders of which Rcptwise answered the most transactions in parts, in the chosen time: who waits, and whom another strategy would help. A sender is a domain or a network, as auto knows it. The console (link above) has what was learned of each, and switches its strategy.',
      unit: 'short',
      query: `topk(20, sum by (chosen_sender, peer, strategy) (count_over_time(${ofMessages} | strategy =~ \`$strategy\` | mode = \`split\` | chosen_sender != \`\` [$__range])))`,
      columns: {
        chosen_sender: 'Sender',
        peer: 'Peer class',
        strategy: 'Strategy',
        'Value #A': 'Transactions in parts',
      },
    }),
    logLines({
      title: 'Messages that somebody was deferred of',
      says: 'Transactions in which somebody was deferred to split, or that went on with a split: who, by which strategy, with which answer. rcptwise why answers for one recipient.',
      query: `${ofMessages} | strategy =~ \`$strategy\` | mode = \`split\``,
    }),
    logLines({
      title: 'Messages that were put off or refused',
      says: 'Transactions that ended with 4yz or 5yz for all, by the server, a judge or a limit: the reply and the reason of each recipient are in the line.',
      query: `${ofMessages} | outcome =~ \`deferred|refused\` | mode != \`split\``,
    }),
    logLines({
      title: 'Trouble, and what operators did',
      says: 'Lines of level warn and error, and changes by hand: strategies, senders, forgiven splits, drain, configuration.',
      query:
        '{$log} | json | level =~ `warn|error|fatal` or event =~ `strategyChanged|senderChanged|splitForgiven|drainChanged|configLoaded|configKept`',
    }),
  ],
  rows: [],
}
