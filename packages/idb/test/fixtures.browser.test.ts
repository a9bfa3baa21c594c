import { openStore } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../src/connection.ts'
import { FORMAT_VERSION } from '../src/format.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { importDatabase, verifyDatabase, type SpaceReport } from '../src/care/index.ts'
import { bytesOf, fixtures, look, rebuild, type Fixture } from './fixtures/database.ts'
import { relayHere, shownBy, SPACES } from './fixtures/work.ts'
import { freshName, patient } from './names.ts'

/** Expects that the storage called `name` shows what the fixture did, and has nothing to complain about. */
async function expectShown(name: string, { shown }: Fixture): Promise<void> {
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  // Those that the fixture has: the first ones had two.
  const spaces = SPACES.slice(0, shown.length)
  const stores = await Promise.all(spaces.map((space) => openStore({ space, storage: indexedDb(name), onError })))
  expect(errors).toEqual([])
  expect(stores.map(shownBy)).toEqual(shown)
  for (const store of stores) {
    expect(store.status.storage).toBe('ok')
    await store.close()
  }
}

test('[ID15] there is a fixture of each version, and together they have all that there is', () => {
  expect([...new Set(fixtures.map(({ version }) => version))]).toEqual(
    Array.from({ length: FORMAT_VERSION }, (_, i) => i + 1),
  )
  for (const { version, shown } of fixtures) {
    expect([version, shown[0]!.pending, shown[0]!.refused]).toEqual([version, 3, ['locked']])
    expect([version, shown[0]!.draft]).toEqual([version, version === 1 ? '' : 'a second draft'])
  }
  const kinds = new Set(fixtures.flatMap(kindsIn))
  expect([...kinds].toSorted((a, b) => a - b)).toEqual(Array.from({ length: KINDS }, (_, i) => i + 1))
  // The newest one: also what was set aside.
  expect(recordsOf(fixtures.at(-1)!, 'aside')).toHaveLength(1)
})

/** So many kinds of entries there are; whoever adds one lets the script write down what leaves one. */
const KINDS = 20

/** The kinds of its entries, as their bytes say them. */
function kindsIn(fixture: Fixture): readonly number[] {
  return recordsOf(fixture, 'entries').map(
    // It was written by the script.
    ({ value }) => bytesOf((value as { entry: { bytes: string } }).entry.bytes)[1]!,
  )
}

function recordsOf({ stores }: Fixture, name: string): Fixture['stores'][number]['records'] {
  return stores.find((store) => store.name === name)!.records
}

const asideIn = (fixture: Fixture): number => (fixture.backup === undefined ? 0 : recordsOf(fixture, 'aside').length)

test.each(fixtures)(
  '[ID15] a database that the code of version $version has left ($number) opens with all it has, and goes on',
  async (fixture) => {
    const name = await rebuild(fixture)
    const found = await verifyDatabase(name)
    expect(found).toMatchObject({ format: fixture.version, damaged: [] })
    expect(found.aside).toHaveLength(asideIn(fixture))
    await expectShown(name, fixture)
    expect((await look(name)).version).toBe(FORMAT_VERSION)
    // What is there says the same to the code of today, but for the format.
    expect(await verifyDatabase(name)).toEqual({ ...found, format: FORMAT_VERSION })
    // What was pending then is sent now: the space that never met a relay, whole.
    const relay = relayHere()
    const sent = await openStore({ space: SPACES[1], storage: indexedDb(name), transport: relay.wire() })
    const other = await openStore({ space: SPACES[1], transport: relay.wire() })
    await expect.poll(() => [sent.status.pending, shownBy(other).steps], patient).toEqual([0, fixture.shown[1]!.steps])
    for (const store of [sent, other]) await store.close()
    await relay.close()
  },
)

async function spacesIn(name: string): Promise<readonly SpaceReport[]> {
  const { spaces } = await verifyDatabase(name)
  return spaces.toSorted((a, b) => (a.space < b.space ? -1 : 1))
}

const backedUp = fixtures.filter(({ backup }) => backup !== undefined)

test.each(backedUp)(
  '[CA3] a backup that the code of version $version has made ($number) is taken in whole',
  async (fixture) => {
    const [name, original] = [freshName(), await rebuild(fixture)]
    onTestFinished(() => deleteDatabase(name))
    const outcome = await importDatabase(name, [bytesOf(fixture.backup!)])
    expect(outcome).toMatchObject({ aside: asideIn(fixture), damagedBytes: 0, isWhole: true })
    expect(outcome.spaces.map(({ outcome: each, known }) => [each, known])).toEqual(
      fixture.shown.map(() => ['imported', 0]),
    )
    await expectShown(name, fixture)
    // Not only what is shown: what is undecided, too, and all else that one can ask for.
    expect(await spacesIn(name)).toEqual(await spacesIn(original))
  },
)

test.each(fixtures)(
  '[ID7] [DM2] an app that knows version $version only refuses a newer one loudly, touches nothing, and goes on in memory',
  async (fixture) => {
    const name = await rebuild(fixture, FORMAT_VERSION + 1)
    const before = await look(name)
    const errors: unknown[] = []
    const store = await openStore({
      space: SPACES[0],
      storage: indexedDb(name),
      onError: (error) => errors.push(error),
    })
    expect(errors).toMatchObject([{ code: 'storage-newer' }])
    expect(store.status).toMatchObject({ storage: 'memory-only', storageError: { code: 'storage-newer' } })
    const older = connect(name, undefined, fixture.version)
    await expect(older.ready()).rejects.toMatchObject({ code: 'storage-newer' })
    older.close()
    await store.close()
    expect(await look(name)).toEqual(before)
  },
)
