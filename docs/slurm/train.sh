#!/bin/bash
# sbatch train.sh: two machines of eight GPUs, one worker each, and a folder that both share.
#SBATCH --nodes=2 --ntasks-per-node=1 --gpus-per-node=8 --signal=TERM@120 --requeue
srun python tools/train.py --config=zoo/NAME.py --data_dir=DATA --workdir=/shared/RUN --fail_on_signal
if [ $? -eq 143 ]; then scontrol requeue "$SLURM_JOB_ID"; fi # ended by SIGTERM: goes on later
