/** Ingot's version, as it stands in artefacts; equal to package.json's (a test holds that). */
export const VERSION = '0.1.0'
