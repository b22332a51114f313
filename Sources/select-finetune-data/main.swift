import RAHFCommands

runSelectFinetuneData()
