/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A reader that goes once over the document, a line's key and value at a time. Decoded texts of one entry
 * stand behind each other in one buffer, known by their offsets until the entry is whole, for the buffer may
 * move.
 */
#include "hub/base/toml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "hub/base/buffer.h"
#include "hub/base/cleanup.h"
#include "hub/base/text.h"

#define END (-1)

struct reader {
    struct bytes document;
    size_t offset;
    size_t line;
    struct buffer texts; /* the key, then the values, each closed by a zero */
    size_t starts[TOML_MAX_VALUES];
    struct toml_entry entry;
    struct toml_fault *fault;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->fault->why, sizeof reader->fault->why, format, arguments);
    va_end(arguments);
    reader->fault->line = reader->line;
    return TOML_E_SYNTAX;
}

static int peek(const struct reader *reader)
{
    return reader->offset < reader->document.len ? reader->document.ptr[reader->offset] : END;
}

static bool take_character(struct reader *reader, int character)
{
    if (peek(reader) != character)
        return false;
    reader->offset++;
    return true;
}

static bool take_word(struct reader *reader, struct bytes word)
{
    if (!bytes_start_with(bytes_from(reader->document, reader->offset), word))
        return false;
    reader->offset += word.len;
    return true;
}

static void skip_blanks(struct reader *reader)
{
    while (peek(reader) == ' ' || peek(reader) == '\t')
        reader->offset++;
}

static bool take_newline(struct reader *reader)
{
    if (!take_word(reader, BYTES_LITERAL("\r\n")) && !take_character(reader, '\n'))
        return false;
    reader->line++;
    return true;
}

static bool is_control(int character)
{
    return (character >= 0 && character < ' ' && character != '\t') || character == 0x7f;
}

/* A comment, if there is one, up to the line's end, which is left. */
static int skip_comment(struct reader *reader)
{
    if (!take_character(reader, '#'))
        return 0;
    while (peek(reader) != END && peek(reader) != '\n' && peek(reader) != '\r') {
        if (is_control(peek(reader)))
            return refuse(reader, "there is a control character in the comment");
        reader->offset++;
    }
    return 0;
}

/* Blanks, comments and line ends. */
static int skip_empty(struct reader *reader)
{
    int r;

    do {
        skip_blanks(reader);
        r = skip_comment(reader);
    } while (r == 0 && take_newline(reader));
    return r;
}

static void append(struct reader *reader, int character)
{
    uint8_t byte = (uint8_t)character;

    buffer_append(&reader->texts, &byte, 1);
}

static bool is_key_character(int character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '_';
}

static int read_key(struct reader *reader)
{
    if (peek(reader) == '[')
        return refuse(reader, "there are no tables here: all settings stand on the top level, one a line");
    if (peek(reader) == '"' || peek(reader) == '\'')
        return refuse(reader, "write the key without quotes");
    while (is_key_character(peek(reader)))
        append(reader, reader->document.ptr[reader->offset++]);
    if (reader->texts.len == 0)
        return refuse(reader, "a line here is key = value, a comment behind #, or empty");
    append(reader, '\0');
    skip_blanks(reader);
    if (peek(reader) == '.')
        return refuse(reader, "keys have no dots here: all settings stand on the top level");
    if (!take_character(reader, '='))
        return refuse(reader, "there is no = behind the key");
    return 0;
}

static void append_code_point(struct reader *reader, uint32_t code_point)
{
    if (code_point < 0x80) {
        append(reader, (int)code_point);
        return;
    }
    if (code_point < 0x800) {
        append(reader, 0xc0 | (int)(code_point >> 6));
    } else {
        if (code_point < 0x10000) {
            append(reader, 0xe0 | (int)(code_point >> 12));
        } else {
            append(reader, 0xf0 | (int)(code_point >> 18));
            append(reader, 0x80 | (int)(code_point >> 12 & 0x3f));
        }
        append(reader, 0x80 | (int)(code_point >> 6 & 0x3f));
    }
    append(reader, 0x80 | (int)(code_point & 0x3f));
}

static int hex_value(int character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* \uXXXX or \UXXXXXXXX, behind the letter. A zero would cut the text short: it is refused, too. */
static int read_code_point(struct reader *reader, int n_digits)
{
    uint32_t code_point = 0;

    for (int i = 0; i < n_digits; i++) {
        int value = hex_value(peek(reader));

        if (value < 0)
            return refuse(reader, "behind \\%c come %d hexadecimal digits", n_digits == 4 ? 'u' : 'U',
                          n_digits);
        code_point = code_point << 4 | (uint32_t)value;
        reader->offset++;
    }
    if (code_point == 0 || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        return refuse(reader, "the escape is no character that may stand in a text");
    append_code_point(reader, code_point);
    return 0;
}

static int read_escape(struct reader *reader)
{
    static const char letters[] = "btnfr\"\\";
    static const char meanings[] = "\b\t\n\f\r\"\\";
    int letter = peek(reader);
    const char *place = letter > 0 ? strchr(letters, letter) : NULL;

    if (letter == 'u' || letter == 'U') {
        reader->offset++;
        return read_code_point(reader, letter == 'u' ? 4 : 8);
    }
    if (!place)
        return refuse(reader,
                      "behind a \\ comes one of b t n f r \" \\ u U; or put the text between ' and '");
    reader->offset++;
    append(reader, meanings[place - letters]);
    return 0;
}

/* The text behind its first quote. */
static int read_quoted(struct reader *reader, int quote)
{
    int r = 0;

    while (r == 0 && !take_character(reader, quote)) {
        int character = peek(reader);

        if (character == END || character == '\n' || character == '\r')
            return refuse(reader, "the text does not end on its line: a %c is missing", quote);
        if (is_control(character))
            return refuse(reader, "there is a control character in the text: write it as \\u00%02x",
                          character);
        reader->offset++;
        if (character == '\\' && quote == '"')
            r = read_escape(reader);
        else
            append(reader, character);
    }
    append(reader, '\0');
    return r;
}

static void begin_value(struct reader *reader)
{
    reader->starts[reader->entry.n_values++] = reader->texts.len;
}

static int read_text(struct reader *reader)
{
    int quote = reader->document.ptr[reader->offset];
    struct bytes triple = quote == '"' ? BYTES_LITERAL("\"\"\"") : BYTES_LITERAL("'''");

    if (bytes_start_with(bytes_from(reader->document, reader->offset), triple))
        return refuse(reader, "texts over several lines are not read here: use one pair of quotes");
    reader->offset++;
    begin_value(reader);
    return read_quoted(reader, quote);
}

static int read_list(struct reader *reader)
{
    int r = skip_empty(reader);

    reader->entry.kind = TOML_LIST;
    while (r == 0 && !take_character(reader, ']')) {
        if (reader->entry.n_values == TOML_MAX_VALUES)
            return refuse(reader, "the list has more than %d texts", TOML_MAX_VALUES);
        if (peek(reader) != '"' && peek(reader) != '\'')
            return refuse(reader, "a list is made of texts in quotes: [\"one\", \"two\"]");
        r = read_text(reader);
        if (r == 0)
            r = skip_empty(reader);
        if (r == 0 && !take_character(reader, ',') && peek(reader) != ']')
            return refuse(reader, "behind a text of the list comes , or ]");
        if (r == 0)
            r = skip_empty(reader);
    }
    return r;
}

static bool is_digit(int character)
{
    return character >= '0' && character <= '9';
}

/* Digits with single underscores between them; how many digits, 0 where there is something else. */
static size_t read_digits(struct reader *reader)
{
    size_t n = 0;

    while (is_digit(peek(reader))) {
        append(reader, reader->document.ptr[reader->offset++]);
        n++;
        if (peek(reader) == '_') {
            reader->offset++;
            if (!is_digit(peek(reader)))
                return 0;
        }
    }
    return n;
}

static int read_number(struct reader *reader)
{
    size_t first;
    size_t n;

    reader->entry.kind = TOML_NUMBER;
    begin_value(reader);
    if (!take_character(reader, '+') && take_character(reader, '-'))
        append(reader, '-');
    first = reader->texts.len;
    n = read_digits(reader);
    if (n > 1 && reader->texts.ptr && reader->texts.ptr[first] == '0')
        return refuse(reader,
                      "a number does not begin with 0 (a text, such as a file mode, stands in quotes)");
    if (n && take_character(reader, '.')) {
        append(reader, '.');
        n = read_digits(reader);
    }
    append(reader, '\0');
    return n ? 0 : refuse(reader, "the value is no text in quotes, decimal number, true, false or list");
}

static int add_flag(struct reader *reader, const char *word)
{
    reader->entry.kind = TOML_FLAG;
    begin_value(reader);
    buffer_append(&reader->texts, word, strlen(word) + 1);
    return 0;
}

static int read_value(struct reader *reader)
{
    skip_blanks(reader);
    switch (peek(reader)) {
    case '"':
    case '\'':
        reader->entry.kind = TOML_TEXT;
        return read_text(reader);
    case '[':
        reader->offset++;
        return read_list(reader);
    default:
        break;
    }
    if (take_word(reader, BYTES_LITERAL("true")))
        return add_flag(reader, "true");
    if (take_word(reader, BYTES_LITERAL("false")))
        return add_flag(reader, "false");
    return read_number(reader);
}

/* One key and its value up to the line's end. */
static int read_entry(struct reader *reader)
{
    int r;

    reader->texts.len = 0;
    reader->entry = (struct toml_entry){.line = reader->line};
    r = read_key(reader);
    if (r == 0)
        r = read_value(reader);
    if (r)
        return r;
    skip_blanks(reader);
    r = skip_comment(reader);
    if (r == 0 && peek(reader) != END && !take_newline(reader))
        return refuse(reader, "there is something behind the value that does not belong to it");
    if (reader->texts.failed)
        return -ENOMEM;
    reader->entry.key = (const char *)reader->texts.ptr;
    for (size_t i = 0; i < reader->entry.n_values; i++)
        reader->entry.values[i] = (const char *)reader->texts.ptr + reader->starts[i];
    return r;
}

int toml_read(struct bytes document, bool (*visit)(void *context, const struct toml_entry *entry),
              void *context, struct toml_fault *out_fault)
{
    struct reader reader = {.document = document, .line = 1, .fault = out_fault};
    int r = text_is_utf8(document) ? skip_empty(&reader) : refuse(&reader, "the file is not UTF-8");

    while (r == 0 && peek(&reader) != END) {
        r = read_entry(&reader);
        if (r == 0 && !visit(context, &reader.entry))
            r = TOML_E_STOPPED;
        if (r == 0)
            r = skip_empty(&reader);
    }
    buffer_clear(&reader.texts);
    return r;
}

void toml_write_text(struct buffer *buffer, const char *text)
{
    buffer_append_text(buffer, "\"");
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;

        if (byte == '"' || byte == '\\')
            buffer_append_format(buffer, "\\%c", byte);
        else if (is_control(byte) || byte == '\t')
            buffer_append_format(buffer, "\\u%04x", byte);
        else
            buffer_append(buffer, text, 1);
    }
    buffer_append_text(buffer, "\"");
}
