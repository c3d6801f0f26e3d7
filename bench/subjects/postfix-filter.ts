/**
 * Postfix's own way to stand in front of something: smtpd with smtpd_proxy_filter, which passes
 * each message on while the client waits.
 */
import { startPostfix } from '../../test/support/lab/postfix.ts'
import { ownChild } from '../cpu-time.ts'
import type { Subject } from '../subject.ts'

export const postfixFilter: Subject = {
  name: 'postfix-filter',
  start: async (sinkPort) => {
    const postfix = await startPostfix({
      main: [
        `smtpd_proxy_filter = 127.0.0.1:${sinkPort}`,
        'relay_domains = example.org',
        'relay_recipient_maps =',
        'smtpd_recipient_restrictions =',
        'message_size_limit = 52428800',
        // Lines to nowhere, as for Rcptwise.
        'maillog_file_prefixes = /dev, /var',
        'maillog_file = /dev/null',
      ],
    })
    // The lab starts master(8) as our child; all else is master's.
    const pid = ownChild('master')
    return {
      port: postfix.port,
      ...(pid === undefined ? {} : { pid }),
      stop: async () => await postfix[Symbol.asyncDispose](),
    }
  },
}
