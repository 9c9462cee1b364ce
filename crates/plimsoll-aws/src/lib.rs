//! What of AWS is asked besides S3: credentials, signed requests, parameters, secrets, and ECR.
