/** What becomes of our own certificates. */

export type CertificateFact =
  /** A certificate taken into use: at the start, or because its files have changed. */
  | {
      readonly kind: 'certificateLoaded'
      readonly at: number
      readonly name: string
      readonly file: string
      readonly expiresAt: number
    }
  /** Its files have changed and are wrong: the one in use stays. */
  | {
      readonly kind: 'certificateKept'
      readonly at: number
      readonly file: string
      readonly why: string
    }
  /** Less than 14 days are left; told once a day. */
  | {
      readonly kind: 'certificateExpires'
      readonly at: number
      readonly name: string
      readonly file: string
      readonly expiresAt: number
    }
