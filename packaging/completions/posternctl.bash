# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
#
# bash completion for posternctl, which is asked what may stand next: it knows its own words.

_posternctl()
{
    local words=() word i answer tail='' whole
    # Readline parts words at = and : as well; put together again what was typed as one.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ -n $word ]] &&
            [[ $word == [=:]* || ${words[-1]} == *[=:] ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    ((${#words[@]})) || return
    # What readline replaces is the part behind the last of them.
    whole=${words[-1]}
    [[ $whole == *[=:]* ]] && tail=${whole%"${whole##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r answer; do
        answer=${answer%%$'\t'*}
        case $answer in
        :files | :directories)
            compopt -o filenames
            word=-f
            [[ $answer == :directories ]] && word=-d
            while IFS= read -r word; do
                COMPREPLY+=("$word")
            done < <(compgen "$word" -- "${whole#"$tail"}")
            ;;
        *)
            [[ $answer == *= ]] && compopt -o nospace
            answer=${answer#"$tail"}
            [[ $answer == *[[:space:]\;\&\|\'\$\`\*]* ]] && printf -v answer %q "$answer"
            COMPREPLY+=("$answer")
            ;;
        esac
    done < <("${COMP_WORDS[0]}" complete "${words[@]}" 2>/dev/null)
}

complete -F _posternctl posternctl
