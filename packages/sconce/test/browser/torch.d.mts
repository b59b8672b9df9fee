/** The types of `dist/torch.mjs`, which the test's server puts beside the page. */
export * from 'sconce';
