import type { ApiJob } from '../../../src/model/api/jobs.ts';

/** What a job is about, in a word or two: the template, image, or store. */
export function aboutOf(request: ApiJob['request']): string {
  switch (request.kind) {
    case 'build':
      return request.template;
    case 'publish':
    case 'verify':
      return request.folder;
    case 'recheck':
    case 'deploy':
      return request.image;
    default:
      return request.template ?? request.store;
  }
}
