import fc from 'fast-check'
import { createMemoryStorage } from '@syncline/relay'
import { text } from '@syncline/yjs'
import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { changesOf, gated, openOurs, openStock, openWire, startHost, until } from './kit.ts'

const note = text('note')

type Step =
  | { readonly kind: 'insert'; readonly by: number; readonly at: number; readonly text: string }
  | { readonly kind: 'delete'; readonly by: number; readonly at: number; readonly text: string }
  | { readonly kind: 'cut'; readonly by: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'wait' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('insert' as const, 'insert' as const, 'delete' as const),
      by: fc.nat({ max: 2 }),
      at: fc.nat({ max: 1000 }),
      text: fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom('a', 'é', '😀', ' ') }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), by: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: 'fail' }, { kind: 'wait' }, { kind: 'wait' }) },
)

it('[YP4] [YP5] whoever writes what, whatever is cut and whatever the disk refuses, all end with the same text, and its log has each part once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const storage = gated(createMemoryStorage())
      const host = await startHost({ storage })
      const wires = [await openWire(host.port), await openWire(host.port)]
      const stocks = wires.map(({ port }) => openStock(port, 'board/text/note'))
      const ours = await openOurs(host.port, 'board')
      const texts = stocks.map(({ doc }) => doc.getText('text'))
      for (const one of steps) {
        if (one.kind === 'cut') wires[one.by]!.cut()
        else if (one.kind === 'wait') await new Promise((resolve) => setTimeout(resolve, 3))
        else if (one.kind === 'fail') {
          storage.shut()
          await new Promise((resolve) => setTimeout(resolve, 3))
          storage.fail()
          storage.open()
        } else {
          const shown = texts[one.by]
          const length = shown?.length ?? ours.get(note).length
          const at = one.at % (length + 1)
          // Not in the middle of a character.
          const whole = shown?.toString() ?? ours.get(note)
          const place = /[\uDC00-\uDFFF]/.test(whole.charAt(at)) ? at - 1 : at
          if (one.kind === 'insert') {
            if (shown === undefined) ours.transact((tx) => tx.insert(note, place, one.text))
            else shown.insert(place, one.text)
          } else if (length > place) {
            const size = whole.codePointAt(place)! > 0xffff ? 2 : 1
            if (shown === undefined) ours.transact((tx) => tx.remove(note, place, size))
            else shown.delete(place, size)
          }
        }
      }
      // All of it has been stored when all have the same, and nobody has anything that is pending.
      const vectors = (): readonly string[] => stocks.map(({ doc }) => Y.encodeStateVector(doc).toString())
      await until(() => ours.status.pending === 0 && stocks.every(({ provider }) => provider.synced))
      await until(() => new Set(vectors()).size === 1 && texts.every((shown) => shown.toString() === ours.get(note)))
      const later = openStock(host.port, 'board/text/note')
      await until(() => later.provider.synced)
      expect(later.doc.getText('text').toString()).toBe(ours.get(note))
      const written = (await changesOf(storage, 'board')).flatMap(({ ops }) =>
        ops.flatMap(({ payload }) => Y.decodeUpdate(payload as Uint8Array).structs),
      )
      const clocks = new Map<number, number>()
      for (const { id, length } of written) clocks.set(id.client, (clocks.get(id.client) ?? 0) + length)
      expect(clocks).toEqual(Y.decodeStateVector(Y.encodeStateVector(later.doc)))
      for (const { provider } of [...stocks, later]) provider.destroy()
      await ours.close()
      await host.stop()
    }),
    { numRuns: Math.ceil(fc.readConfigureGlobal().numRuns! / 30) },
  )
})
