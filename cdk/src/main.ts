import { App } from 'aws-cdk-lib';

import { crossdock } from './crossdock.js';

crossdock(new App({ analyticsReporting: false }));
