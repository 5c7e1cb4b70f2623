/** @jsxImportSource hono/jsx */
// Try: a mail and the row of one address on the left, what would be done on the right, as saved and with the changes. Looking saves
// and sends nothing.

import type { FC } from "hono/jsx";
import type { Preview, TryForm } from "./local-tools.ts";
import { Foreign, type View } from "./parts.tsx";

type Props = { form: TryForm; preview: Preview; view: View; said: string | null };

export const Try: FC<Props> = ({ form, preview, view, said }) => (
  <>
    <h1>Try a mail and a rule</h1>
    {said === null ? null : (
      <p role="status">
        <Foreign text={said} />
      </p>
    )}
    <form method="get" action="/try" class="find">
      <input name="address" value={form["address"]} aria-label="Address whose row is edited" maxlength={320} />
      <button type="submit">Show its row</button>
    </form>
    <form method="post" action="/try" id="try" class="two" enctype="multipart/form-data">
      <input type="hidden" name="form" value={view.formToken ?? ""} />
      <input type="hidden" name="address" value={form["address"]} />
      <div>
        <MailFields form={form} errors={preview.errors} />
        <RowFields form={form} errors={preview.errors} />
      </div>
      <div class="sticky">
        <PreviewPart preview={preview} />
      </div>
    </form>
  </>
);

type FieldProps = { name: string; words: string; form: TryForm; errors: Preview["errors"]; hint?: string; rows?: number };

const Field: FC<FieldProps> = ({ name, words, form, errors, hint, rows }) => {
  const wrong = errors[name];
  const more = { name, id: `f-${name}`, "aria-describedby": `e-${name}`, ...(wrong !== undefined && { "aria-invalid": "true" as const }) };
  return (
    <>
      <label for={`f-${name}`}>
        {words}
        {hint === undefined ? null : <small> – {hint}</small>}
      </label>
      {rows === undefined ? (
        <input {...more} value={form[name] ?? ""} />
      ) : (
        <textarea {...more} rows={rows}>
          {form[name] ?? ""}
        </textarea>
      )}
      <Wrong name={name} errors={errors} />
    </>
  );
};

/** The place of an error, so that the preview can fill it. */
const Wrong: FC<{ name: string; errors: Preview["errors"] }> = ({ name, errors }) => (
  <p class="error" id={`e-${name}`}>
    {errors[name] === undefined ? null : <Foreign text={errors[name]} limit={500} />}
  </p>
);

const Check: FC<{ name: string; words: string; form: TryForm }> = ({ name, words, form }) => (
  <label class="check">
    <input type="checkbox" name={name} checked={(form[name] ?? "") !== ""} />
    {words}
  </label>
);

const MailFields: FC<{ form: TryForm; errors: Preview["errors"] }> = ({ form, errors }) => (
  <fieldset class="card">
    <legend class="hide">The mail</legend>
    <h2>The mail</h2>
    <label>
      A file with a mail (.eml): choose or drop it here
      <input type="file" name="file" accept=".eml,message/rfc822" />
    </label>
    <Field name="from" words="From" hint="<> for none" form={form} errors={errors} />
    <Field name="to" words="To" form={form} errors={errors} />
    <Field name="subject" words="Subject" form={form} errors={errors} />
    <Check name="list" words="From a mailing list" form={form} />
    <Check name="program" words="By a program" form={form} />
    <Check name="spam" words="Spam, says SES" form={form} />
    <div class="buttons">
      <button type="submit" name="do" value="preview" class="main">
        Preview
      </button>
      <button type="submit" name="do" value="send">
        Send this mail
      </button>
    </div>
  </fieldset>
);

const RowFields: FC<{ form: TryForm; errors: Preview["errors"] }> = ({ form, errors }) => (
  <fieldset class="card">
    <legend class="hide">The row</legend>
    <h2>
      The row of <Foreign text={form["address"] ?? ""} />
    </h2>
    <Check name="active" words="Send the auto-reply" form={form} />
    <Wrong name="active" errors={errors} />
    <Field name="ooo" words="Its text" form={form} errors={errors} rows={4} />
    <Check name="html" words="The text is HTML" form={form} />
    <Field name="oooSubject" words="Its subject" hint="empty: Auto: and the subject of the mail" form={form} errors={errors} />
    <Field name="start" words="First day or start time" hint="2026-12-24 or 2026-12-24T12:00+01:00" form={form} errors={errors} />
    <Field name="end" words="Last day or end time" form={form} errors={errors} />
    <Field name="timezone" words="Time zone of the days" hint="Europe/Berlin; empty: UTC" form={form} errors={errors} />
    <Field name="forwards" words="Forward to" hint="one address in a line" form={form} errors={errors} rows={3} />
    <Field name="patterns" words="Blocked senders" hint="one pattern in a line, such as *@spam.test" form={form} errors={errors} rows={3} />
    <div class="buttons">
      <button type="submit" name="do" value="save" class="main">
        Save
      </button>
      <button type="submit" name="do" value="undo">
        Undo
      </button>
    </div>
  </fieldset>
);

/** What would be done. The script puts a new one in its place. */
export const PreviewPart: FC<{ preview: Preview }> = ({ preview: { asSaved, withChanges, explanation, errors } }) => (
  <section class="card" id="preview" aria-labelledby="preview-title">
    <h2 id="preview-title">What would be done</h2>
    <small>Looking saves and sends nothing.</small>
    <h3>As saved</h3>
    <pre>
      <Lines text={asSaved} />
    </pre>
    <h3>With your changes</h3>
    {Object.keys(errors).length > 0 ? (
      <p class="error">The form has an error, so it cannot be saved.</p>
    ) : asSaved === withChanges ? (
      <p class="soft">the same</p>
    ) : (
      <pre>
        <Lines text={withChanges} />
      </pre>
    )}
    <h3>What explain says</h3>
    <section class="scroll" tabindex={0} aria-label="What explain says">
      <pre>
        <Lines text={explanation} />
      </pre>
    </section>
  </section>
);

/** The errors at their fields, for the script. */
export const Errors: FC<{ names: readonly string[]; errors: Preview["errors"] }> = ({ names, errors }) => (
  <>
    {names.map((name) => (
      <Wrong name={name} errors={errors} />
    ))}
  </>
);

const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text whose line ends count. */
const Lines: FC<{ text: string }> = ({ text }) => <bdi>{text.replace(controls, "\ufffd")}</bdi>;
