/** A source of policies or aliases that can't be used as it is configured: its file is wrong. */
export class UnusableSourceError extends Error {}
