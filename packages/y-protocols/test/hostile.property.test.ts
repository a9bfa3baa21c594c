import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { answerWord, askWord, presenceWord, updateWord, wordsIn } from '../src/words.ts'
import { openBare, openStock, startHost, until } from './kit.ts'

/** Updates as clients make them, of texts and of all else. */
const update: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom('insert', 'delete', 'format', 'embed', 'map', 'node', 'sub', 'other'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((edits) => {
    const doc = new Y.Doc()
    const shown = doc.getText('text')
    for (const edit of edits) {
      if (edit === 'insert') shown.insert(0, 'x')
      else if (edit === 'delete' && shown.length > 0) shown.delete(0, 1)
      else if (edit === 'format') shown.format(0, shown.length, { bold: true })
      else if (edit === 'embed') shown.insertEmbed(0, { deep: [[[]]] })
      else if (edit === 'map') doc.getMap('map').set('__proto__', new Y.Map())
      else if (edit === 'node') doc.getXmlFragment('fragment').insert(0, [new Y.XmlElement('p')])
      else if (edit === 'sub') doc.getMap('map').set('sub', new Y.Doc())
      else doc.getArray('other').push([1])
    }
    return Y.encodeStateAsUpdate(doc)
  })

const bytes = fc.uint8Array({ maxLength: 60 })
const state = fc.oneof(fc.json(), fc.constantFrom('null', '', '{', '"\ud800"', 'x'.repeat(5000)))
const shown = fc.record({
  client: fc.constantFrom(0, 1, 2 ** 32, 2 ** 53 - 1),
  clock: fc.constantFrom(0, 1, 2 ** 53 - 1),
  state,
})

const word: fc.Arbitrary<Uint8Array> = fc.oneof(
  bytes,
  bytes.map(updateWord),
  bytes.map(askWord),
  update.map(updateWord),
  update.map(answerWord),
  fc.array(shown, { maxLength: 3 }).map(presenceWord),
  fc.constantFrom(new Uint8Array([3]), new Uint8Array([2, 0, 1, 65]), new Uint8Array([0, 7, 0]), new Uint8Array(0)),
)

/** A word of which some bytes are others, or which ends early, or goes on. */
const frame: fc.Arbitrary<Uint8Array | string> = fc.oneof(
  word,
  fc.tuple(word, word).map(([a, b]) => new Uint8Array([...a, ...b])),
  fc
    .tuple(word, fc.nat(), fc.nat({ max: 255 }))
    .map(([whole, at, byte]) => whole.map((one, i) => (i === at % whole.length ? byte : one))),
  fc.tuple(word, fc.nat()).map(([whole, length]) => whole.subarray(0, length % (whole.length + 1))),
  fc.string(),
)

it.each(['text', 'doc'])('[YP15] whatever is sent beside them, two honest clients of a %s go on', async (tag) => {
  const room = `board/${tag}/note`
  const { port, endpoint } = await startHost()
  const [one, other] = [openStock(port, room), openStock(port, room)]
  let ends = 0
  for (const { provider } of [one, other]) provider.on('connection-close', () => (ends += 1))
  await until(() => one.provider.synced && other.provider.synced)
  let typed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 8 }), async (frames) => {
      const hostile = await openBare(port, room)
      for (const each of frames) hostile.send(each)

      one.doc.getText('text').insert(0, `${(typed += 1)},`)
      // It is answered, or was ended.
      hostile.send(askWord(new Uint8Array([0])))
      const isAnswered = (): boolean => hostile.heard.some((heard) => heard[0] === 0 && heard[1] === 1)
      await Promise.race([hostile.closed, until(isAnswered)])
      hostile.socket.terminate()
      await until(() => other.doc.getText('text').toString().includes(`${typed},`))
    }),
    { numRuns: Math.ceil(fc.readConfigureGlobal().numRuns! / 4) },
  )
  await until(() => other.doc.getText('text').toString() === one.doc.getText('text').toString())
  expect(ends).toBe(0)
  await until(() => endpoint.load.clients === 2)
  // What they have is what somebody has who comes now.
  const later = openStock(port, room)
  await until(() => later.provider.synced)
  expect(later.doc.getText('text').toString()).toBe(one.doc.getText('text').toString())
  expect([...wordsIn(new Uint8Array([3]))]).toEqual([{ kind: 'whoIsThere' }])
})
