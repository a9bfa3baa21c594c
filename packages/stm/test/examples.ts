// What the examples in this package's docstrings may use without importing it.
export { cardsNamed as cardsOf, register, tally } from './policies.ts'
