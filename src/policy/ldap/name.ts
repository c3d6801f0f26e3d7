/** What log and metrics call a directory. Pure. */
export const nameOfLdap = (url: string): string => `ldap:${new URL(url).host}`
