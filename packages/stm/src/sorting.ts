import { entryOfState, idsIn } from './entries.ts'
import { createIndexes } from './indexes.ts'
import { createOwnSets } from './own-sets.ts'
import { placesFor } from './placing.ts'
import { layRows } from './row-cells.ts'

/**
 * The code behind collections, lists and ranges: their sorted sets, in a memory, in a body and on top of a view, how members are placed, and how they are laid as rows. Each
 * collection has it, so that an app that makes none does not download it.
 */
export interface Sorting {
  readonly indexes: typeof createIndexes
  readonly ownSets: typeof createOwnSets
  readonly placesFor: typeof placesFor
  readonly entryOfState: typeof entryOfState
  readonly idsIn: typeof idsIn
  readonly layRows: typeof layRows
}

/**
 * What who makes collections gives to each.
 *
 * @example
 * import { sorting } from '@syncline/stm'
 *
 * expect(cardsOf('cards').sorting).toBe(sorting)
 */
export const sorting: Sorting = {
  indexes: createIndexes,
  ownSets: createOwnSets,
  placesFor,
  entryOfState,
  idsIn,
  layRows,
}
