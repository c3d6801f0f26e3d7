/** What did not answer, so that the explanation is not what mail would meet when it does. */
import type { Explanation } from '../../app/explain/explain.ts'
import { isTroubled as isRecipientTroubled } from '../recipients.ts'

export const isTroubled = ({ recipients, judges }: Explanation): boolean =>
  recipients.some(isRecipientTroubled) ||
  judges.findings.all.some(({ judgement }) => judgement.kind === 'failed')
