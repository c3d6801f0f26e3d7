/** Metrics of our own processes, configuration and certificates; made as all others. */
export const ownParts = {
  workersLostTotal: {
    type: 'counter',
    name: 'workers_lost_total',
    labels: [],
    help: 'Worker processes that ended by themselves and that Rcptwise replaced.',
  },
  workersHungTotal: {
    type: 'counter',
    name: 'workers_hung_total',
    labels: [],
    help: 'Worker processes whose event loop stood still for longer than timeouts.worker. Rcptwise ended and replaced them, and counts them as lost too.',
  },
  factsDroppedTotal: {
    type: 'counter',
    name: 'facts_dropped_total',
    labels: [],
    help: 'Facts that a worker did not tell its primary, which somebody watches: the primary did not read them in time, and mail does not wait for it. What you watch then lacks them; log and metrics have them.',
  },
  configReloadsTotal: {
    type: 'counter',
    name: 'config_reloads_total',
    labels: ['result'],
    help: 'Configurations that Rcptwise read while running: loaded, or kept (the new one is wrong and the old one stays in use).',
  },
  configKept: {
    type: 'gauge',
    name: 'config_kept',
    labels: [],
    ofAll: 'max',
    help: '1 while Rcptwise keeps its configuration because the one that it was given last is wrong, else 0.',
  },
  startedSeconds: {
    type: 'gauge',
    name: 'started_seconds',
    labels: [],
    ofAll: 'min',
    help: 'When Rcptwise started, as Unix time.',
  },
  configLoadedSeconds: {
    type: 'gauge',
    name: 'config_loaded_seconds',
    labels: [],
    ofAll: 'max',
    help: 'When Rcptwise loaded the configuration in use, as Unix time.',
  },
  tlsHandshakesTotal: {
    type: 'counter',
    name: 'tls_handshakes_total',
    labels: ['protocol'],
    help: 'TLS handshakes with clients that succeeded, by version: what a higher tls.minimum_version would cost.',
  },
  tlsFailuresTotal: {
    type: 'counter',
    name: 'tls_failures_total',
    labels: ['reason'],
    help: 'TLS handshakes with clients that failed. The reason is protocol or cipher (nothing in common), certificate (the client does not trust ours), time, closed (the client went away), junk (that was no TLS) or other.',
  },
  tlsCertificateReloadsTotal: {
    type: 'counter',
    name: 'tls_certificate_reloads_total',
    labels: ['result'],
    help: 'Certificates that Rcptwise read: loaded, or kept (the changed files are wrong and the old certificate stays in use).',
  },
  tlsCertificatesKept: {
    type: 'gauge',
    name: 'tls_certificates_kept',
    labels: [],
    ofAll: 'max',
    help: 'Certificates that Rcptwise keeps in use because their changed files are wrong.',
  },
  tlsCertificateExpirySeconds: {
    type: 'gauge',
    name: 'tls_certificate_expiry_seconds',
    labels: ['name'],
    help: 'When a certificate in use expires, as Unix time: subtract time() for what is left.',
  },
} as const
