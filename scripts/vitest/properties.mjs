import fc from 'fast-check'
import { chai } from 'vitest'

/** How hard property tests try: enough to notice in `npm test`, far more in `npm run test:long`. */
const isLong = import.meta.env?.SYNCLINE_LONG === '1' || globalThis.process?.env?.SYNCLINE_LONG === '1'

// What `npm test` tries is the same each time, so that a failure is about the code; `npm run test:long` looks for what is new.
fc.configureGlobal(isLong ? { numRuns: 5_000 } : { numRuns: 200, seed: 20_261_125 })

// A proxy around each assertion tells of a matcher that does not exist; the compiler has told before. Without it the same tests take 15 % less.
chai.config.useProxy = false
