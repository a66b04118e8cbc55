# SPDX-License-Identifier: LGPL-3.0-or-later
# Writes webui_assets.c and webui_assets_bytes.S, which carry a folder of files into the program.
#
#   cmake -DFROM=<folder> -DTO=<folder> -DGZIP=<program> -P embed.cmake
#
# The bytes come in with .incbin: the compiler never sees them, so that their size costs no build time.

set(files index.html app.js app.css favicon.svg commipc.js)
set(type_html "text/html; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_svg "image/svg+xml")

set(declarations "")
set(rows "")
set(bytes "/* SPDX-License-Identifier: LGPL-3.0-or-later */\n    .section .rodata\n")
set(index 0)

# Adds the symbols webui_<name> and webui_<name>_end around the content of a file.
function(embed name file)
  string(APPEND bytes
    "    .balign 16\n    .globl webui_${name}\n    .hidden webui_${name}\nwebui_${name}:\n    .incbin \"${file}\"\n"
    "    .globl webui_${name}_end\n    .hidden webui_${name}_end\nwebui_${name}_end:\n    .byte 0\n")
  string(APPEND declarations
    "extern const unsigned char webui_${name}[];\nextern const unsigned char webui_${name}_end[];\n")
  set(bytes "${bytes}" PARENT_SCOPE)
  set(declarations "${declarations}" PARENT_SCOPE)
endfunction()

file(MAKE_DIRECTORY "${TO}/gzip")
foreach(file IN LISTS files)
  if(NOT EXISTS "${FROM}/${file}")
    continue()
  endif()
  # -n leaves name and time out: the same files make the same program.
  execute_process(COMMAND "${GZIP}" -9 -n -c "${FROM}/${file}" OUTPUT_FILE "${TO}/gzip/${file}.gz" RESULT_VARIABLE trouble)
  if(trouble)
    message(FATAL_ERROR "${GZIP} failed on ${FROM}/${file}")
  endif()
  file(SHA256 "${FROM}/${file}" tag)
  string(SUBSTRING "${tag}" 0 24 tag)
  file(SIZE "${FROM}/${file}" size)
  file(SIZE "${TO}/gzip/${file}.gz" gzip_size)
  string(REGEX REPLACE "^.*\\." "" suffix "${file}")
  embed(file_${index} "${FROM}/${file}")
  embed(gzip_${index} "${TO}/gzip/${file}.gz")
  string(APPEND rows
    "    {\"/${file}\", \"${type_${suffix}}\", webui_file_${index}, ${size}, \"\\\"${tag}\\\"\",\n"
    "     webui_gzip_${index}, ${gzip_size}, \"\\\"${tag}-gzip\\\"\"},\n")
  math(EXPR index "${index} + 1")
endforeach()

string(APPEND bytes "    .section .note.GNU-stack, \"\", %progbits\n")
file(WRITE "${TO}/webui_assets_bytes.S" "${bytes}")
file(WRITE "${TO}/webui_assets.c"
"/* SPDX-License-Identifier: LGPL-3.0-or-later */

#include \"webui/webui_assets.h\"

#include <string.h>

${declarations}
static const struct webui_asset assets[] = {
${rows}};

const struct webui_asset *webui_assets_all(size_t *out_count)
{
    *out_count = sizeof assets / sizeof assets[0];
    return assets;
}

const struct webui_asset *webui_assets_find(const char *path)
{
    if (strcmp(path, \"/\") == 0) {
        path = \"/index.html\";
    }
    for (size_t i = 0; i < sizeof assets / sizeof assets[0]; i++) {
        if (strcmp(assets[i].path, path) == 0) {
            return &assets[i];
        }
    }
    return NULL;
}
")
