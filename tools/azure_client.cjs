// Recognises and speaks by Azure's SDK for JavaScript; see azure_clients.py. Prints what was understood, the words that
// were timed, and the length of the audio.
// node azure_client.cjs URL KEY AUDIO VOICE TEXT

const fs = require("fs");
const sdk = require("microsoft-cognitiveservices-speech-sdk");

const [url, key, audio, voice, text] = process.argv.slice(2);

function recognise() {
  const config = sdk.SpeechConfig.fromHost(new URL(url), key);
  config.speechRecognitionLanguage = "en-US";
  config.outputFormat = sdk.OutputFormat.Detailed;
  config.requestWordLevelTimestamps();
  const format = sdk.AudioStreamFormat.getWaveFormat(8000, 8, 1, sdk.AudioFormatTag.MuLaw);
  const stream = sdk.AudioInputStream.createPushStream(format);
  stream.write(new Uint8Array(fs.readFileSync(audio)).buffer);
  stream.close();
  const recogniser = new sdk.SpeechRecognizer(config, sdk.AudioConfig.fromStreamInput(stream));
  const found = [];
  recogniser.recognized = (_, event) => event.result.text && found.push(event.result.text);
  return new Promise((resolve, reject) => {
    recogniser.canceled = (_, event) =>
      event.reason === sdk.CancellationReason.EndOfStream ? resolve(found.join(" ")) : reject(event.errorDetails);
    recogniser.startContinuousRecognitionAsync(() => {}, reject);
  });
}

function speak() {
  const config = sdk.SpeechConfig.fromHost(new URL(url), key);
  config.speechSynthesisVoiceName = voice;
  config.speechSynthesisOutputFormat = sdk.SpeechSynthesisOutputFormat.Raw8Khz8BitMonoMULaw;
  const synthesiser = new sdk.SpeechSynthesizer(config, null);
  const timed = [];
  synthesiser.wordBoundary = (_, event) => timed.push(event.text);
  return new Promise((resolve, reject) => {
    synthesiser.speakTextAsync(
      text,
      (result) => (result.audioData ? resolve([timed.join(" "), result.audioData.byteLength]) : reject(result.errorDetails)),
      reject,
    );
  });
}

(async () => {
  console.log(await recognise());
  const [timed, length] = await speak();
  console.log(timed);
  console.log(length);
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
