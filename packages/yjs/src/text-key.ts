/** The name of the one Y.Text in the document of a `text` ref. */
export const TEXT_KEY = 'text'
