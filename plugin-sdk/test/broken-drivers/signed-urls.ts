import type { SignedObjects } from '../../../test/servers/signed-objects.ts';
import type { BrokenDriver } from './broken-driver.ts';

/** Drivers that have their URLs from a bucket which `objects` gives once it is there. */
export function brokenSignedUrls(objects: () => SignedObjects): BrokenDriver[] {
  return [
    {
      flaw: 'a URL is for another object',
      noticed: 'a signed URL gives the object it is for, whole and by range, and only that',
      breaks: (driver) => {
        const sign = objects().signUrlFor(driver);
        return { signUrl: (key, options) => sign(`${key}.other`, options) };
      },
    },
    {
      flaw: 'a URL gives no ranges',
      noticed: 'a signed URL gives the object it is for, whole and by range, and only that',
      breaks: (driver) => ({ signUrl: objects().signUrlFor(driver, 'the range') }),
    },
    {
      flaw: 'a URL opens every object',
      noticed: 'a signed URL that somebody has changed opens nothing',
      breaks: (driver) => ({ signUrl: objects().signUrlFor(driver, 'the path') }),
    },
    {
      flaw: 'a URL needs no signature',
      noticed: 'a signed URL that somebody has changed opens nothing',
      breaks: (driver) => ({ signUrl: objects().signUrlFor(driver, 'the signature') }),
    },
    {
      flaw: 'a URL never expires',
      noticed: 'a signed URL opens nothing once its time is over',
      breaks: (driver) => ({ signUrl: objects().signUrlFor(driver, 'the time') }),
    },
    {
      flaw: 'a URL allows to delete',
      noticed: 'a signed URL does not write or delete',
      breaks: (driver) => ({ signUrl: objects().signUrlFor(driver, 'the method') }),
    },
    {
      flaw: 'signing fails',
      noticed: 'a URL may be signed for an object that is not there, and gives nothing then',
      breaks: () => ({ signUrl: () => Promise.reject(new Error('no key')) }),
    },
  ];
}
