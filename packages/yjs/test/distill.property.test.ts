import { nobodys, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { docPolicy } from '../src/doc.ts'
import { textPolicy } from '../src/policy.ts'
import type { TextState } from '../src/state.ts'

const ref = { address: 'note', spec: null }

test('[DS1] what is distilled of a text are its updates, and makes a text that goes on as it would', () => {
  const edit = fc.record({ at: fc.nat(40), text: fc.string({ maxLength: 5 }), cut: fc.nat(3) })
  let bytes = 0
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), fc.nat(12), (edits, cut) => {
      let whole: TextState | undefined
      let copy: TextState | undefined
      edits.forEach(({ at, text, cut: removed }, i) => {
        if (i === cut && whole !== undefined) {
          const made = textPolicy.distill!(whole)
          copy = made.reduce<TextState | undefined>(
            (state, { payload }) => textPolicy.apply(state, (payload as Uint8Array).slice(), nobodys),
            undefined,
          )
          bytes += made.length
        }
        const stamp = { at: i + 1, writer: 'w' }
        const context = { stamp, seed: `seed${i}` }
        let draft = textPolicy.draft(whole, ref)
        const now = textPolicy.readDraft(draft, ref)
        draft = textPolicy.edit(draft, { kind: 'insert', index: at % (now.length + 1), content: text }, ref, context)
        const length = Math.min(removed, textPolicy.readDraft(draft, ref).length)
        if (length > 0) draft = textPolicy.edit(draft, { kind: 'remove', index: 0, length }, ref, context)
        const payload: Value | undefined = textPolicy.finish(draft, ref, context)
        if (payload === undefined) return
        whole = textPolicy.apply(whole, payload, stamp)
        if (i >= cut) copy = textPolicy.apply(copy, payload, stamp)
      })
      if (cut >= edits.length) return
      expect(textPolicy.read(copy, ref)).toBe(textPolicy.read(whole, ref))
    }),
    { seed: 20_264, numRuns: 100 },
  )
  expect(bytes).toBeGreaterThan(50)
})

test('[DS1] a document is distilled as a text is, and nothing of it is decoded', () => {
  // No update at all: who decoded it would find that out.
  const updates = [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5])]
  const state = updates.reduce(
    (now, update) => docPolicy.apply(now, update, nobodys),
    docPolicy.apply(undefined, null, nobodys),
  )
  expect(docPolicy.distill!(state)).toEqual(updates.map((payload) => ({ payload, stamp: nobodys })))
})
