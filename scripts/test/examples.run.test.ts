// Every example of the documentation, as a test; scripts/examples.mjs finds them.
import { expect, test } from 'vitest'
import 'virtual:examples'

test('the documentation was searched for examples', () => {
  expect(import.meta.url).toContain('examples')
})
