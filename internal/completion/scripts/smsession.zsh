#compdef smsession
# Completion of smsession for zsh. Put it into a directory of $fpath as _smsession, or load it after compinit with
#   source <(smsession completion zsh)
_smsession() {
	local -a lines items
	local line word
	lines=("${(@f)$("${(Q)words[1]}" complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ $lines[1] == :files ]]; then
		[[ $PREFIX == -*=* ]] && compset -P '*='
		_files
		return
	fi
	for line in $lines; do
		word=${line%%$'\t'*}
		items+=("${word//:/\\:}${${line#$word}/$'\t'/:}")
	done
	_describe smsession items
}
if [[ $funcstack[1] == _smsession ]]; then
	_smsession "$@" # zsh has loaded this file from $fpath
else
	compdef _smsession smsession
fi
