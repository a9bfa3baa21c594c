import fc from 'fast-check'

/** How hard property tests try: enough to notice in `npm test`, far more in `npm run test:long`. */
const isLong = import.meta.env?.SYNCLINE_LONG === '1' || globalThis.process?.env?.SYNCLINE_LONG === '1'

fc.configureGlobal({ numRuns: isLong ? 5_000 : 200 })
