/** What one question of a store may hold, whatever the store is. */

/**
 * Of one question; recipients beyond them are asked for in another one. A power of two, because
 * MySQL gets as many parameters as the next power has.
 */
export const mostKeys = 4096
