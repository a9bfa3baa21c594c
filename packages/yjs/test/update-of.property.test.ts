import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { writersOf } from '../src/bound.ts'
import { plainText } from '../src/plain-text.ts'
import { smallUpdateOf } from '../src/small-update.ts'
import { updateOf } from '../src/update-of.ts'

/** Of thousands of bytes a text is compared sooner than an array. */
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

test('what a transaction is, is what Yjs says, byte for byte, also in answer to another one and after a large one', () => {
  const edit = fc.record({
    at: fc.nat(),
    removed: fc.nat(4),
    word: fc.constantFrom('', '', 'a', 'b', 'c', 'word ', 'words ', '😀', 'ä€😀 ', '\n', 'long '.repeat(1000)),
  })
  const small = new Map<Y.Transaction, Uint8Array>()
  let compared = 0
  let smallOnes = 0
  fc.assert(
    fc.property(
      fc.array(fc.record({ by: fc.nat(2), edits: fc.array(edit, { maxLength: 3 }) }), { maxLength: 12 }),
      (steps) => {
        const docs = [1, 2, 3].map((client) => {
          const doc = new Y.Doc()
          doc.clientID = client * 77
          const ours: string[] = []
          const theirs: string[] = []
          doc.on('afterTransactionCleanup', (transaction) => {
            const update = updateOf(transaction)
            if (update !== undefined) {
              ours.push(textOf(update))
              same(writersOf(plainText, update), [
                ...new Set(Y.decodeUpdate(update).structs.map(({ id }) => id.client)),
              ])
            }
            const early = small.get(transaction)
            if (early !== undefined && update !== undefined) {
              same(textOf(early), textOf(update))
              smallOnes += 1
            }
          })
          doc.on('update', (update: Uint8Array) => theirs.push(textOf(update)))
          // An answer to what comes from others, made while they are being told.
          doc.getText('text').observe((_event, { local }) => {
            if (!local && doc.getText('text').length > 5) doc.getText('text').delete(2, 1)
          })
          return { doc, ours, theirs }
        })
        for (const { by, edits } of steps) {
          const { doc } = docs[by]!
          const text = doc.getText('text')
          doc.transact((transaction) => {
            for (const { at, removed, word } of edits) {
              const index = at % (text.length + 1)
              text.delete(index, Math.min(removed, text.length - index))
              text.insert(index, word)
            }
            // Before it is over, when nobody else has answered.
            const early = smallUpdateOf(transaction)
            if (early !== undefined) small.set(transaction, early)
          })
          for (const { doc: other } of docs)
            Y.applyUpdate(other, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(other)))
        }
        for (const { ours, theirs } of docs) {
          expect(ours).toEqual(theirs)
          compared += ours.length
        }
      },
    ),
  )
  expect(compared).toBeGreaterThan(200)
  expect(smallOnes).toBeGreaterThan(100)
})

test('[TE11] [DO5] what cannot be encoded leaves nothing that the next update would begin with', () => {
  const [spoiled, other] = [new Y.Doc(), new Y.Doc()]
  const updates: (Uint8Array | undefined)[] = []
  const errors: unknown[] = []
  for (const doc of [spoiled, other]) {
    doc.on('afterTransactionCleanup', (transaction) => {
      try {
        updates.push(updateOf(transaction))
      } catch (error) {
        errors.push(error)
      }
    })
  }
  const cycle: { itself?: object } = {}
  cycle.itself = cycle
  spoiled.getText('text').insertEmbed(0, cycle)
  other.getText('text').insert(0, 'abc')
  expect([updates, errors.length]).toEqual([[Y.encodeStateAsUpdate(other)], 1])
})
