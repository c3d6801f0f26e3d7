/** The scripted source is what the decorators are tested over, so it keeps the contract itself. */
import { breakable, nameOfRaw as nameOf } from './breakable.ts'
import { describePolicySource } from './source.contract.ts'

describePolicySource('a source that answers at once', {
  open: (entries) => breakable(entries, 'at once'),
  nameOf,
})
describePolicySource('a source that answers later', {
  open: (entries) => breakable(entries, 'later'),
  nameOf,
})
