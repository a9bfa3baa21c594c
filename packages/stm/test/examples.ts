// What the examples in this package's docstrings may use without importing it.
export { register, tally } from './policies.ts'
