import RAHFCommands

await runMakeInpaintMasks()
