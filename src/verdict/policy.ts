/**
 * What a recipient wants done with suspicious mail. Thresholds are scores of the judge; a message that reaches several
 * gets the strictest. A threshold that is absent is never reached.
 */
export interface Policy {
  /** Its name in the configuration, for the log; two names with equal thresholds are one group. */
  readonly name: string
  readonly tagAt?: number
  readonly quarantineAt?: number
  readonly rejectAt?: number
  /** "No delay, please": goes through before every other group (design: Strategies). */
  readonly neverDefer: boolean
}
